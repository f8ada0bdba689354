"""Lines of the trail on this machine's disk, until they are in the database: a file per process, in segments.

`write` has handed the line to the kernel when it returns: a process that is killed loses nothing. (A machine that loses
power may lose what was noted in its last moments; who must not, asks for durable reads: `Role.durable_reads`.)
The lock on a segment says that its process lives; what a dead one left is brought in by whoever finds it. A line carries
its checksum: the last one of a killed process may be torn, and was never answered.

A read's line goes with others into one row, a block (domain/trail_block.py), and says which: so the same block comes of
it whoever brings it in, and however often.

Every line that is refused here is a request that is refused: nothing is read that is not noted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from kuska.kit.errors import Issue, UnavailableError
from kuska.security.domain.trail_block import DAY, MOST_BYTES, MOST_LINES, SPAN, Beside
from kuska.security.domain.trail_line import FIELDS, Line, encoded
from kuska.security.visit import event_id

SEGMENT = 4 << 20
_SUFFIX = ".journal"
_FORGOTTEN = 3600.0  # seconds
_CHECK = 9  # eight hexadecimal digits and a blank
_READ = b"R"  # begins a read's line, before its block's id
_HEAD = 38  # R, the id, a blank
_decode = msgspec.json.Decoder(list[object]).decode


@dataclass(slots=True)
class _Segment:
    path: Path
    file: int
    size: int = 0
    done: int = 0  # bytes whose lines are in the database


@dataclass(slots=True)
class _Block:
    """What reads are written into now."""

    head: bytes
    beside: Beside
    begin: int  # microseconds: what does not lie between goes into another one
    end: int
    bytes: int = 0


_NO_BLOCK = _Block(b"", Beside(), 0, 0)


@dataclass(frozen=True, slots=True)
class Batch:
    lines: list[Line]
    reads: dict[str, list[bytes]]  # lines of whole blocks, by the block's id
    bytes: int
    damaged: list[bytes]  # whole lines with a wrong checksum
    torn: bool = False  # the end of a line is missing: its process was killed while writing, nobody was answered
    # By the block's id, what stands beside it where that is known; who finds a dead process' lines reads it from them.
    besides: dict[str, Beside] = field(default_factory=dict[str, Beside])


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
        self._block = _NO_BLOCK
        self._besides: dict[str, Beside] = {}
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
        self._put(encoded(line))

    def write_read(self, line: bytes, at: int, account: str = "", patients: Iterable[str] | None = None) -> None:
        """The same with the line of a read, as JSON. `at`: its moment in microseconds. `patients`: as the line has them;
        None when they have to be read from it.
        """
        block = self._block
        beside = block.beside
        full = self._current.size >= self._most  # nor in two segments, which are brought in one by one
        if full or beside.lines >= MOST_LINES or block.bytes >= MOST_BYTES or not block.begin <= at < block.end:
            # No block lies in two days: the chain has links for each.
            end = min(at + SPAN, (at // DAY + 1) * DAY)
            id_, beside = event_id(), Beside()
            block = self._block = _Block(b"%b%b " % (_READ, id_.encode()), beside, at, end)
            self._besides[id_] = beside
        self._put(block.head + line)
        block.bytes += len(line)
        beside.add(at, account, patients)

    def _put(self, text: bytes) -> None:
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
        self._block = _NO_BLOCK
        try:
            os.ftruncate(segment.file, segment.size)
        except OSError:
            self._current = self._begin()

    def next(self, most: int) -> Batch | None:
        """The oldest lines that wait, in about `most` bytes; None when nothing waits."""
        self._block = _NO_BLOCK  # it is as it goes now; what comes later begins another one
        for segment in self._segments:
            if segment.done < segment.size:
                batch = _read(segment, most)
                batch.besides.update((id_, self._besides[id_]) for id_ in batch.reads if id_ in self._besides)
                return batch
        return None

    def done(self, batch: Batch) -> None:
        """The batch that `next` gave is in the database."""
        for id_ in batch.besides:
            del self._besides[id_]
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

    def set_aside(self, *lines: bytes) -> None:
        """For a person to look at: the database does not take them."""
        with (self._folder / "refused.lines").open("ab") as file:
            file.writelines(line + b"\n" for line in lines)

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
        self._block = _NO_BLOCK
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
        """As of the journal."""
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
        cut = raw.rfind(b"\n") + 1
    if cut == 0:
        return Batch([], {}, left, [], torn=True)
    records = raw[: cut - 1].split(b"\n")
    if len(raw) < left and (begun := _open_block(records)) is not None:
        if begun == 0:  # one block longer than a batch
            return _read(segment, 2 * len(raw))
        cut = sum(map(len, records[:begun])) + begun
        del records[begun:]
    return _sorted(records, cut)


def _open_block(records: Sequence[bytes]) -> int | None:
    """Where the last block begins: more of it may follow, and it goes as a whole."""
    for record in reversed(records):
        if record[_CHECK : _CHECK + 1] == _READ:
            head = record[_CHECK : _CHECK + _HEAD]
            return next(place for place, each in enumerate(records) if each[_CHECK : _CHECK + _HEAD] == head)
    return None


def _sorted(records: Sequence[bytes], size: int) -> Batch:
    lines: list[Line] = []
    reads: dict[str, list[bytes]] = {}
    damaged: list[bytes] = []
    for record in records:
        text = record[_CHECK:]
        if record[:_CHECK] != b"%08x " % zlib.crc32(text):
            if record:
                damaged.append(record)
        elif text[:1] == _READ:
            reads.setdefault(text[1 : _HEAD - 1].decode(), []).append(text[_HEAD:])
        elif (line := _line(text)) is not None:
            lines.append(line)
        else:
            damaged.append(record)
    return Batch(lines, reads, size, damaged)


def _line(text: bytes) -> Line | None:
    try:
        line = tuple(_decode(text))
    except msgspec.DecodeError:
        return None
    return line if len(line) == len(FIELDS) else None
