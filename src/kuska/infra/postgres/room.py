"""Room on the disk of an embedded cluster: writing stops while there is still enough left for PostgreSQL itself.

A PostgreSQL that cannot write its log ends with a panic, and starts again only when there is space: then nobody can read
either. So the application refuses to write before it comes to that, and reads go on.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from kuska.infra.postgres.machine import MIB
from kuska.kit.errors import Issue, UnavailableError

# Four segments of the log: what is already on its way, a checkpoint, and some cleaning by PostgreSQL still find place.
LEAST = 64 * MIB
_EVERY = 0.2


class Room:
    def __init__(self, folder: Path, least: int = LEAST) -> None:
        self._folder = folder
        self._least = least
        self._looked = 0.0
        self._enough = True

    def require(self) -> None:
        """Asked before every write; looks at the disk a few times a second (2 µs each).

        Raises:
            UnavailableError: too little is left.
        """
        now = time.monotonic()
        if now - self._looked > _EVERY:
            self._looked = now
            self._enough = self._free() >= self._least
        if not self._enough:
            raise UnavailableError(Issue(code="no-store", message="database.disk-full"))

    def _free(self) -> int:
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return self._least  # not seen is not full: PostgreSQL knows better
        return disk.f_bavail * disk.f_frsize
