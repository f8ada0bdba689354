"""Hashes of the chain outside the database: a file that only grows.

Whoever can change the database can also make a new chain over what is changed; not one that has the hashes written
here. So this file should lie where the database's owner cannot write (setting `audit_heads`); the log has them too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from kuska.infra.telemetry.logs import logger
from kuska.security.domain.trail_chain import Link

_EVERY = timedelta(minutes=10)
_log = logger("trail")


class Heads:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._latest: datetime | None = None

    def due(self, now: datetime) -> bool:
        return self._latest is None or now - self._latest >= _EVERY

    def add(self, link: Link, *, closes: bool) -> None:
        """`closes`: the last link of its day."""
        said = {
            "link": link.number,
            "day": link.day.isoformat(),
            "hash": link.hash.hex(),
            "made": link.made.isoformat(),
            "closes": closes,
        }
        try:
            with self._path.open("a", encoding="ascii") as file:
                file.write(json.dumps(said) + "\n")
        except OSError as error:
            # Not a reason to stop: the hash is in the log, and the next one follows.
            _log.error("the chain's head could not be written", error=type(error).__name__, **said)
        self._latest = link.made

    def all(self) -> Iterator[tuple[int, date, bytes]]:
        """Number, day and hash of the links that were written down. A torn last line is left out."""
        try:
            lines = self._path.read_text("ascii", "replace").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                said = json.loads(line)
                yield int(said["link"]), date.fromisoformat(said["day"]), bytes.fromhex(said["hash"])
            except (ValueError, KeyError, TypeError):
                continue
