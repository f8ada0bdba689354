"""What the record gave out and wrote lies in the trail in blocks: the lines of up to some dozens of reads, or of what one
statement wrote, in one row, packed, with what they are looked for by.

This happens a thousand times as often as anything else that is noted. A row of its own with its indexes would cost the
database half of what a read itself does; a place in a block costs a twentieth of that. Every event keeps its id, its own
hash in the chain and its place in every search.

Which reads make a block is settled when they are written to the journal, so a block that is delivered twice is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
import zstandard

from kuska.security.contracts import Event
from kuska.security.domain.trail_line import FIELDS, Line, encoded, event, moment
from kuska.security.domain.trail_question import Question
from kuska.security.visit import event_id

MOST_LINES = 64
MOST_BYTES = 32 << 10
DAY = 86_400_000_000  # microseconds
SPAN = 10_000_000  # microseconds between its first and its last event: what is looked for by time lies near
_LAST_MOMENT = 250_000_000_000_000_000  # some year before 9999
_LARGEST = 64 << 20  # unpacked; nothing that was written here comes near
_AT, _OUTCOME, _ACCOUNT, _PATIENTS = (FIELDS.index(name) for name in ("at", "outcome", "account", "patients"))
_ID = slice(2, 38)  # of a line: it begins with its id
_LISTS = frozenset({"roles", "methods", "entities", "patients"})
_decode = msgspec.json.Decoder(list[Any]).decode
_encode = msgspec.json.Encoder().encode
_pack = zstandard.ZstdCompressor(level=1).compress
_unpack = zstandard.ZstdDecompressor().decompress


@dataclass(frozen=True, slots=True)
class Block:
    """`lines`: each the JSON of a `trail_line.Line`. The rest is said by them, kept beside them for the search."""

    id: str
    at: int  # of the first event, microseconds since 1970
    until: int  # of the last one
    accounts: tuple[str, ...]
    patients: tuple[str, ...]
    lines: tuple[bytes, ...]

    @property
    def packed(self) -> bytes:
        return _pack(b"\n".join(self.lines))


class Beside:
    """What stands beside the lines of a block, gathered line by line."""

    __slots__ = ("_accounts", "_at", "_known", "_patients", "_until", "lines")

    def __init__(self) -> None:
        self.lines = 0
        self._at = _LAST_MOMENT
        self._until = 0
        self._known = True
        self._accounts: dict[str, None] = {}
        self._patients: dict[str, None] = {}

    def add(self, at: int, account: str, patients: Iterable[str] | None) -> None:
        """`patients` None: what the line says is not known here."""
        self.lines += 1
        self._at = min(self._at, at)
        self._until = max(self._until, at)
        if patients is None:
            self._known = False
            return
        if account:
            self._accounts[account] = None
        for patient in patients:
            self._patients[patient] = None

    def block(self, id_: str, lines: Sequence[bytes]) -> Block:
        """Raises ValueError when it has to be read from the lines, and one of them is none."""
        if not self._known or self.lines != len(lines):
            return block(id_, lines)
        return Block(id_, self._at, self._until, tuple(self._accounts), tuple(self._patients), tuple(lines))


def block(id_: str, lines: Sequence[bytes]) -> Block:
    """Raises ValueError when one of the lines is none."""
    return _block(id_, [_said(line) for line in lines], lines)


def blocks(lines: Sequence[Line]) -> list[Block]:
    """Of what was written together."""
    made: list[Block] = []
    some: list[Line] = []
    first = last = 0
    for line in lines:
        at = line[_AT]
        if some and (len(some) == MOST_LINES or not _lie_near(min(first, at), max(last, at))):
            made.append(_of_lines(some))
            some = []
        first, last = (min(first, at), max(last, at)) if some else (at, at)
        some.append(line)
    return [*made, _of_lines(some)] if some else made


def _lie_near(first: int, last: int) -> bool:
    """In one day, as the chain wants it, and as near to each other as those who look for a moment may rely on."""
    return last - first < SPAN and first // DAY == last // DAY


def _of_lines(lines: Sequence[Line]) -> Block:
    return _block(event_id(), lines, [encoded(line) for line in lines])


def _block(id_: str, said: Iterable[Sequence[Any]], lines: Sequence[bytes]) -> Block:
    beside = Beside()
    for each in said:
        patients = each[_PATIENTS]
        beside.add(each[_AT], each[_ACCOUNT], patients.split("\n") if patients else ())
    return beside.block(id_, lines)


def unpacked(packed: bytes) -> list[bytes]:
    """Nothing when it cannot be read: whoever verifies finds the events missing then."""
    try:
        return _unpack(packed, max_output_size=_LARGEST).split(b"\n")
    except zstandard.ZstdError:
        return []


def ids(lines: Sequence[bytes]) -> list[str]:
    """'' where a line is none any more."""
    return [line[_ID].decode("ascii", "replace") if len(line) > _ID.stop else "" for line in lines]


def leaves(
    at: int, until: int, accounts: Iterable[str], patients: Iterable[str], lines: Sequence[bytes]
) -> list[bytes]:
    """The hash of each event. What stands beside the lines is hashed with the first of them: nobody is taken out of the
    search unseen.
    """
    hashes = [sha256(line).digest() for line in lines]
    hashes[0] = sha256(lines[0] + _encode((at, until, tuple(accounts), tuple(patients)))).digest()
    return hashes


def events(lines: Iterable[bytes], question: Question) -> list[Event]:
    """Those that the question asks for."""
    named = (question.patient, question.account, question.practitioner, question.entity, question.address)
    parts = [_encode(name)[1:-1] for name in named if name]
    candidates = (line for line in lines if all(part in line for part in parts))  # few, before more is made of them
    return [one for one in map(_told, candidates) if one is not None and _asked(question, one)]


def _told(line: bytes) -> Event | None:
    """None for what is none: to find it is the verification's, and the rest of the trail is still to be read."""
    try:
        return _event(_said(line))
    except (ValueError, TypeError, AttributeError):
        return None


def _asked(question: Question, one: Event) -> bool:
    caller = one.caller
    pairs = (
        (question.account, caller.account),
        (question.practitioner, caller.practitioner),
        (question.kind, one.kind),
        (question.action, one.action),
        (question.purpose, one.purpose),
        (question.address, caller.address),
    )
    return (
        all(not wanted or wanted == is_ for wanted, is_ in pairs)
        and (not question.patient or question.patient in one.patients)
        and (not question.entity or question.entity in one.entities)
        and (question.since is None or question.since <= one.at)
        and (question.until is None or one.at < question.until)
    )


def _event(said: Sequence[Any]) -> Event:
    row = [
        (value.split("\n") if value else []) if name in _LISTS else value
        for name, value in zip(FIELDS, said, strict=True)
    ]
    row[_AT] = moment(said[_AT])
    return event(row)


def _said(line: bytes) -> list[Any]:
    """Whoever owns the database may have written anything there: what is no line raises ValueError, and nothing else."""
    try:
        said = _decode(line)
    except msgspec.MsgspecError as error:
        raise ValueError("not JSON") from error
    if len(said) != len(FIELDS) or any(type(said[place]) is not str for place in (0, _ACCOUNT, _PATIENTS)):
        raise ValueError("not a line of the trail")
    if type(said[_AT]) is not int or not 0 <= said[_AT] < _LAST_MOMENT:
        raise ValueError("no moment")
    return said
