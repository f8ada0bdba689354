"""Reads lie in the trail in blocks: the lines of some dozens in one row, packed, with what they are looked for by.

A read is answered in a tenth of a millisecond and happens a thousand times as often as anything else that is noted. A row
of its own with its indexes would cost the database half of what the read itself does; a place in a block costs a
twentieth of that. Every event keeps its id, its own hash in the chain and its place in every search.

Which lines make a block is settled when they are written to the journal, so a block that is delivered twice is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
import zstandard

from kuska.security.contracts import Event
from kuska.security.domain.trail_line import FIELDS, event, moment
from kuska.security.domain.trail_question import Question

MOST_LINES = 64
MOST_BYTES = 32 << 10
SPAN = 10_000_000  # microseconds between its first and its last event: what is looked for by time lies near
_LAST_MOMENT = 250_000_000_000_000_000  # some year before 9999
_LARGEST = 64 << 20  # unpacked; nothing that was written here comes near
_AT, _OUTCOME, _ACCOUNT, _PATIENTS = (FIELDS.index(name) for name in ("at", "outcome", "account", "patients"))
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


def block(id_: str, lines: Sequence[bytes]) -> Block:
    """Raises ValueError when one of the lines is none."""
    return Block(id_, *_beside([_said(line) for line in lines]), tuple(lines))


def _beside(said: Sequence[Sequence[Any]]) -> tuple[int, int, tuple[str, ...], tuple[str, ...]]:
    """First and last moment, accounts, patients."""
    moments = [each[_AT] for each in said]
    accounts = dict.fromkeys(each[_ACCOUNT] for each in said)
    accounts.pop("", None)
    whose = dict.fromkeys(each[_PATIENTS] for each in said)
    patients = dict.fromkeys(one for some in whose if some for one in some.split("\n"))
    return min(moments), max(moments), tuple(accounts), tuple(patients)


def unpacked(packed: bytes) -> list[bytes]:
    """Nothing when it cannot be read: whoever verifies finds the events missing then."""
    try:
        return _unpack(packed, max_output_size=_LARGEST).split(b"\n")
    except zstandard.ZstdError:
        return []


def leaves(
    at: int, until: int, accounts: Iterable[str], patients: Iterable[str], lines: Sequence[bytes]
) -> list[tuple[str, int, bytes]]:
    """Id, moment and hash of each event. What stands beside the lines is hashed with the first of them, unless it is
    what they say: so that nobody is taken out of the search unseen.
    """
    if not lines:
        return []
    try:
        said = [_said(line) for line in lines]
    except ValueError:
        return []
    hashes = [sha256(line).digest() for line in lines]
    kept = (at, until, tuple(accounts), tuple(patients))
    if kept != _beside(said):
        hashes[0] = sha256(lines[0] + _encode(kept)).digest()
    return [(each[0], each[_AT], hash_) for each, hash_ in zip(said, hashes, strict=True)]


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
