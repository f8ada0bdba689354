"""Lines of the trail on this machine's disk, until they are in the database: a file per process, in segments.

`write` has handed the line to the kernel when it returns: a process that is killed loses nothing. (A machine that loses
power may lose what was noted in its last moments; who must not, asks for durable reads: `Role.durable_reads`.)
The lock on a segment says that its process lives; what a dead one left is brought in by whoever finds it. A line carries
its checksum: the last one of a killed process may be torn, and was never answered.

Every line that is refused here is a request that is refused: nothing is read that is not noted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kuska.kit.errors import Issue, UnavailableError
from kuska.security.domain.trail_line import FIELDS, Line
from kuska.security.visit import event_id

SEGMENT = 4 << 20
_SUFFIX = ".journal"
_FORGOTTEN = 3600.0  # seconds
_CHECK = 9  # eight hexadecimal digits and a blank
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[object]).decode


@dataclass(slots=True)
class _Segment:
    path: Path
    file: int
    size: int = 0
    done: int = 0  # bytes whose lines are in the database


@dataclass(frozen=True, slots=True)
class Batch:
    lines: list[Line]
    bytes: int
    damaged: list[bytes]  # whole lines with a wrong checksum
    torn: bool = False  # the end of a line is missing: its process was killed while writing, nobody was answered


class Journal:
    """Of one process. Not for several threads."""

    def __init__(self, folder: Path, limit: int, segment: int = SEGMENT) -> None:
        """`limit`: bytes that may wait.

        Raises:
            UnavailableError: the folder cannot be written.
        """
        self._folder = folder
        self._limit = limit
        self._most = segment
        self._segments: deque[_Segment] = deque()
        self._waiting = 0
        self._name = event_id()
        self._begun = 0
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._current = self._begin()
        except OSError as error:
            raise UnavailableError(
                Issue(severity="fatal", code="exception", message="trail.no-journal", params={"folder": str(folder)})
            ) from error

    @property
    def waiting(self) -> int:
        """Bytes that are not in the database yet."""
        return self._waiting

    def write(self, line: Line) -> None:
        """On disk when it returns.

        Raises:
            UnavailableError: no room is left; nothing was written.
        """
        text = _encode(line)
        record = b"%08x %b\n" % (zlib.crc32(text), text)
        if self._waiting + len(record) > self._limit:
            raise UnavailableError(Issue(code="no-store", message="trail.journal-full"))
        segment = self._current
        try:
            if segment.size >= self._most:
                segment = self._current = self._begin()
            written = os.write(segment.file, record)
        except OSError as error:
            raise UnavailableError(Issue(code="no-store", message="trail.journal-unwritable")) from error
        if written != len(record):
            self._take_back(segment)
            raise UnavailableError(Issue(code="no-store", message="trail.journal-unwritable"))
        segment.size += written
        self._waiting += written

    def _take_back(self, segment: _Segment) -> None:
        """A part of a line, which the next one must not be glued to."""
        try:
            os.ftruncate(segment.file, segment.size)
        except OSError:
            self._current = self._begin()

    def next(self, most: int) -> Batch | None:
        """The oldest lines that wait, in about `most` bytes; None when nothing waits."""
        for segment in self._segments:
            if segment.done < segment.size:
                return _read(segment, most)
        return None

    def done(self, batch: Batch) -> None:
        """The batch that `next` gave is in the database."""
        segment = self._segments[0]
        while segment.done >= segment.size and segment is not self._current:
            self._end(self._segments.popleft())
            segment = self._segments[0]
        segment.done += batch.bytes
        self._waiting -= batch.bytes
        if segment.done < segment.size:
            return
        if segment is self._current:
            with contextlib.suppress(OSError):
                os.ftruncate(segment.file, 0)
                segment.size = segment.done = 0
        else:
            self._end(self._segments.popleft())

    def set_aside(self, line: Line) -> None:
        """For a person to look at: the database does not take it."""
        with (self._folder / "refused.lines").open("ab") as file:
            file.write(_encode(line) + b"\n")

    def close(self) -> None:
        """What is empty goes; what is not waits for the next one to bring it in."""
        for segment in self._segments:
            if segment.done >= segment.size:
                self._end(segment)
            else:
                os.close(segment.file)
        self._segments.clear()

    def _begin(self) -> _Segment:
        # Locked before it has its name: nobody takes it for a dead one's.
        self._begun += 1
        path = self._folder / f"{self._name}-{self._begun:08d}{_SUFFIX}"
        new = path.with_suffix(".new")
        file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        new.rename(path)
        segment = _Segment(path, file)
        self._segments.append(segment)
        return segment

    @staticmethod
    def _end(segment: _Segment) -> None:
        segment.path.unlink(missing_ok=True)
        os.close(segment.file)


class Remains:
    """A segment that its process left behind, locked by us now."""

    def __init__(self, path: Path, file: int) -> None:
        self._segment = _Segment(path, file, os.fstat(file).st_size)

    @property
    def name(self) -> str:
        return self._segment.path.name

    def next(self, most: int) -> Batch | None:
        return _read(self._segment, most) if self._segment.done < self._segment.size else None

    def done(self, batch: Batch) -> None:
        self._segment.done += batch.bytes

    def set_aside(self, damaged: bytes) -> None:
        """For a person to look at: it was a line once."""
        with self._segment.path.with_suffix(".damaged").open("ab") as file:
            file.write(damaged + b"\n")

    def remove(self) -> None:
        self._segment.path.unlink(missing_ok=True)
        self.leave()

    def leave(self) -> None:
        os.close(self._segment.file)


def left_behind(folder: Path) -> Iterator[Remains]:
    """One after the other, each ours until it is removed or left."""
    for path in folder.glob("*.new"):
        # Empty, of a process killed before it had its lock; a young one's process may just be about to take it.
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _FORGOTTEN:
                path.unlink()
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # another one was quicker
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            there = os.fstat(file).st_nlink > 0
        except OSError:
            there = False
        if there:
            yield Remains(path, file)
        else:
            os.close(file)


def _read(segment: _Segment, most: int) -> Batch:
    """Whole lines as far as they go; a last line without its end is torn, and is the end."""
    left = segment.size - segment.done
    raw = os.pread(segment.file, min(most, left), segment.done)
    cut = raw.rfind(b"\n") + 1
    if cut == 0 and len(raw) < left:  # one line longer than a batch
        raw = os.pread(segment.file, left, segment.done)
        cut = raw.find(b"\n") + 1
    if cut == 0:
        return Batch([], left, [], torn=True)
    lines: list[Line] = []
    damaged: list[bytes] = []
    for record in raw[: cut - 1].split(b"\n"):
        if (line := _line(record)) is not None:
            lines.append(line)
        elif record:
            damaged.append(record)
    return Batch(lines, cut, damaged)


def _line(record: bytes) -> Line | None:
    text = record[_CHECK:]
    if record[:_CHECK] != b"%08x " % zlib.crc32(text):
        return None
    try:
        line = tuple(_decode(text))
    except msgspec.DecodeError:
        return None
    return line if len(line) == len(FIELDS) else None
