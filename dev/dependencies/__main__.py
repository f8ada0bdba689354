"""`python -m dev.dependencies`: what the program is made of, under which licences, and with which known holes.

Writes build/sbom.cdx.json (CycloneDX) of what the program runs with; the tools of development are left out. Fails on a
licence that would bind users and on a known vulnerability that dev/dependencies/accepted.toml does not explain. When the
vulnerability service cannot be asked, that is said and is no failure: the build must also work without a network.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SBOM = ROOT / "build" / "sbom.cdx.json"
_BIN = Path(sys.executable).parent
# GPL and AGPL by name; LGPL binds nobody who only imports it, and is listed.
_BINDING = re.compile(r"(?<!L)(?<!Lesser )\bA?GPL|(?<!Lesser )General Public License|Affero|SSPL|BUSL", re.IGNORECASE)


def runtime() -> list[str]:
    """Pinned requirements of the program without its development tools: lines as pip takes them."""
    found = shutil.which("uv")
    uv = found if found and not Path(found).is_relative_to(Path.home() / ".pyenv") else str(ROOT / "build/uv/bin/uv")
    command = [
        uv,
        "export",
        "--frozen",
        "--no-dev",
        "--all-extras",
        "--no-emit-project",
        "--no-header",
        "-q",
        "--no-hashes",
    ]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [line for line in told.splitlines() if line and not line.startswith((" ", "#"))]


def names(requirements: Iterable[str]) -> set[str]:
    return {_plain(re.split(r"[=<>!~\[; ]", line, maxsplit=1)[0]) for line in requirements}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(dist: Distribution) -> str:
    meta = dist.metadata
    classified = [line.rpartition(" :: ")[2] for line in meta.get_all("Classifier") or () if line.startswith("License")]
    return meta.get("License-Expression") or ", ".join(classified) or (meta.get("License") or "").partition("\n")[0]


def binding(licences: Mapping[str, str]) -> dict[str, str]:
    """Those that would bind users of the program. One that offers another licence beside it does not."""
    return {
        name: text
        for name, text in licences.items()
        if text and all(_BINDING.search(option) for option in re.split(r"\bOR\b|,", text))
    }


def bill(wanted: set[str]) -> dict[str, Any]:
    """CycloneDX of the environment, cut down to what is wanted."""
    command = [
        _BIN / "cyclonedx-py",
        "environment",
        "--pyproject",
        "pyproject.toml",
        "--output-reproducible",
        sys.prefix,
    ]
    whole = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    whole["components"] = [part for part in whole.get("components", ()) if _plain(part["name"]) in wanted]
    kept = {part["bom-ref"] for part in whole["components"]} | {whole["metadata"]["component"]["bom-ref"]}
    whole["dependencies"] = [
        entry | {"dependsOn": [ref for ref in entry.get("dependsOn", ()) if ref in kept]}
        for entry in whole.get("dependencies", ())
        if entry["ref"] in kept
    ]
    return whole


def audit(requirements: Iterable[str]) -> dict[str, Any] | None:
    """What the vulnerability service says; None when it cannot be asked."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(requirements))
        file.flush()
        command = [
            _BIN / "pip-audit",
            "-r",
            file.name,
            "--disable-pip",
            "--no-deps",
            "--progress-spinner",
            "off",
            "-f",
            "json",
        ]
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=180)
            return json.loads(done.stdout)
        except (subprocess.TimeoutExpired, json.JSONDecodeError):
            return None


def verdict(report: Mapping[str, Any] | None, accepted: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """(what must stop the build, what is only told)."""
    if report is None:
        return [], ["the vulnerability service could not be asked: nothing was audited"]
    parts = report["dependencies"]
    skipped = [part["name"] for part in parts if "skip_reason" in part]
    bad = [
        f"{part['name']} {part['version']}: {hole['id']} (mended in {', '.join(hole['fix_versions']) or 'no version yet'})"
        for part in parts
        for hole in part.get("vulns", ())
        if hole["id"] not in accepted
    ]
    told = [f"{len(parts) - len(skipped)} of {len(parts)} packages audited"]
    if skipped:
        told.append(f"the service knows nothing of {len(skipped)}, first {skipped[0]}")
    return bad, told


def main() -> int:
    requirements = runtime()
    wanted = names(requirements)
    licences = {_plain(dist.name): licence(dist) for dist in distributions() if _plain(dist.name) in wanted}
    bad = [f"{name}: {text}: a licence that binds users" for name, text in binding(licences).items()]
    SBOM.parent.mkdir(exist_ok=True)
    SBOM.write_text(json.dumps(bill(wanted), indent=1, sort_keys=True) + "\n", "utf-8")
    print(f"{len(wanted)} packages, their bill of materials is in {SBOM.relative_to(ROOT)}")
    accepted = tomllib.loads(Path(__file__).with_name("accepted.toml").read_text("utf-8"))
    holes, told = verdict(audit(requirements), accepted)
    for line in told:
        print(f"audit: {line}")
    for line in bad + holes:
        print(f"stop: {line}", file=sys.stderr)
    return 1 if bad or holes else 0


if __name__ == "__main__":
    sys.exit(main())
