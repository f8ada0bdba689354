"""What is known of the program's dependencies stops the build when it has to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dev.dependencies import __main__ as dependencies

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.requirement("LW-33")


def test_licences_that_bind_users_are_found() -> None:
    given = {
        "a": "GPL-3.0-or-later",
        "b": "GNU Affero General Public License v3",
        "c": "LGPL-2.1-or-later",
        "d": "MIT OR GPL-2.0-only",
        "e": "GNU Lesser General Public License v2 or later (LGPLv2+)",
        "f": "Apache-2.0",
        "g": "",
        "h": "SSPL-1.0",
    }
    assert set(dependencies.binding(given)) == {"a", "b", "h"}


def test_names_are_those_of_the_lock() -> None:
    lines = ["Jinja2==3.1.6", "uvloop==0.23.0 ; sys_platform == 'linux'", "python_multipart==0.0.34"]
    assert dependencies.names(lines) == {"jinja2", "uvloop", "python-multipart"}


def _report(*holes: str) -> dict[str, object]:
    vulns = [{"id": hole, "fix_versions": ["2.0"]} for hole in holes]
    return {"dependencies": [{"name": "a", "version": "1.0", "vulns": vulns}, {"name": "b", "skip_reason": "unknown"}]}


def test_a_known_hole_stops_the_build_unless_it_is_explained() -> None:
    bad, told = dependencies.verdict(_report("CVE-1", "CVE-2"), {"CVE-2": "only on Windows"})
    assert bad == ["a 1.0: CVE-1 (mended in 2.0)"]
    assert told == ["1 of 2 packages audited", "the service knows nothing of 1, first b"]


def test_a_service_that_cannot_be_asked_is_told_and_stops_nothing() -> None:
    bad, told = dependencies.verdict(None, {})
    assert bad == []
    assert "nothing was audited" in told[0]


def _bill(wanted: set[str]) -> dict[str, Any]:
    """The one the CI's step before the tests has made, unless there is none or it is too old: a new one takes long."""
    made, since = dependencies.SBOM, [ROOT / "uv.lock", ROOT / "pyproject.toml", Path(dependencies.__file__)]
    if made.exists() and made.stat().st_mtime > max(one.stat().st_mtime for one in since):
        return json.loads(made.read_text("utf-8"))
    return dependencies.bill(wanted)


def test_the_bill_names_what_the_program_runs_with_and_no_tools() -> None:
    wanted = dependencies.names(dependencies.runtime())
    bill = _bill(wanted)
    named = {part["name"].lower() for part in bill["components"]}
    assert {"asyncpg", "joserfc", "argon2-cffi"} <= named
    assert not {"pytest", "ruff", "hypothesis"} & named
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "kuska"
