"""Hashes of the chain outside the database: a file that only grows, and beside it one with the latest minutes.

Whoever can change the database can also make a new chain over what is changed, or erase its end; not a chain that has the
hashes written here. So both files should lie where the database's owner cannot write (setting `audit_heads`); the log has
the hashes of whole days too. Every batch's hash is written down at once: what a later head stands for needs no earlier
one, so every ten minutes one goes to the file that grows and the other begins anew. What retention removed is written
here as well, so that nobody who only has the database can say that a time was over.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from kuska.infra.telemetry.logs import logger
from kuska.security.domain.trail_chain import Cut, Link

EVERY = timedelta(minutes=10)
_log = logger("trail")


class Heads:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._latest: datetime | None = None

    @property
    def path(self) -> Path:
        return self._path

    @property
    def _recent(self) -> Path:
        return self._path.with_name(f"{self._path.stem}-recent{self._path.suffix}")

    def add(self, link: Link, *, closes: bool) -> None:
        """`closes`: the last link of its day."""
        said = {
            "link": link.number,
            "day": link.day.isoformat(),
            "hash": link.hash.hex(),
            "made": link.made.isoformat(),
            "closes": closes,
        }
        if not closes and self._latest is not None and link.made - self._latest < EVERY:
            _append(self._recent, said)
        elif _append(self._path, said) and not closes:
            self._latest = link.made
            _begin_anew(self._recent, link.number)

    def cut(self, cut: Cut) -> None:
        """Raises OSError: what cannot be written down outside must not be removed inside."""
        said = {"cut": cut.through, "before": cut.before.isoformat(), "hash": cut.hash.hex()}
        with self._path.open("a", encoding="ascii") as file:
            file.write(json.dumps(said) + "\n")

    def all(self) -> Iterator[tuple[int, date, bytes]]:
        """Number, day and hash of the links that were written down, each once. A torn last line is left out."""
        seen: set[tuple[int, bytes]] = set()
        for path in (self._path, self._recent):
            for said in _lines(path):
                try:
                    found = int(said["link"]), date.fromisoformat(said["day"]), bytes.fromhex(said["hash"])
                except (ValueError, KeyError, TypeError):
                    continue
                if (found[0], found[2]) not in seen:
                    seen.add((found[0], found[2]))
                    yield found

    def cuts(self) -> Iterator[Cut]:
        """What retention removed."""
        for said in _lines(self._path):
            try:
                yield Cut(int(said["cut"]), bytes.fromhex(said["hash"]), date.fromisoformat(said["before"]))
            except (ValueError, KeyError, TypeError):
                continue


def _append(path: Path, said: dict[str, Any]) -> bool:
    try:
        with path.open("a", encoding="ascii") as file:
            # The file of the latest minutes may just be begun anew by a neighbour.
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps(said) + "\n")
    except OSError as error:
        # Not a reason to stop: the hash is in the log, and the next one follows.
        _log.error("the chain's head could not be written", error=type(error).__name__, **said)
        return False
    return True


def _begin_anew(path: Path, number: int) -> None:
    """Without the heads up to a number. On a disk that only lets append, the file grows instead."""
    try:
        with path.open("r+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            later = [line for line in file if _number(line) > number]
            file.seek(0)
            file.truncate()
            file.writelines(later)
    except OSError:
        return


def _number(line: str) -> int:
    try:
        return int(json.loads(line)["link"])
    except (ValueError, KeyError, TypeError):
        return 0


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict):
            yield said
