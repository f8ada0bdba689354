"""The chain of hashes over the trail: what is hashed, and what does not fit when it is done again.

leaf     sha256 of an event: its fields as one text (trail_chain.sql says which, in what order), its line in a block
content  sha256 of the leaves of one batch and one day (UTC), in the chain's order
hash     sha256 of the previous link's hash and the link's own facts; 32 zero bytes before the first

Everything is hashed here, both when a link is made and when it is verified: the database only keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256
from typing import Literal

import msgspec

from kuska.security.domain.trail_line import microseconds

START = bytes(32)
SHORT = 8
_encode = msgspec.json.Encoder().encode

Place = tuple[int, int]
Problem = Literal[
    "changed",
    "deleted",
    "inserted",
    "reordered",
    "link-changed",
    "link-missing",
    "head",
    "cut",
    "unlinked",
    "heads-missing",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    number: int
    day: date
    after: Place
    last: Place
    count: int
    content: bytes
    leaves: bytes
    made: datetime
    hash: bytes = b""


@dataclass(frozen=True, slots=True)
class Chained:
    """What the chain needs to know of a row of the trail: one event, or a block of them, which is of one day."""

    day: date
    place: Place
    ids: Sequence[str]
    leaves: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Cut:
    """What a retention says it removed: links up to a number, and events before a day."""

    through: int = 0
    hash: bytes = START  # of that link
    before: date = date.min


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not fit, and where."""

    problem: Problem
    day: date
    link: int
    event: str = ""  # its id, unless that is gone too; for a deleted one that of the event before it in the chain, '' = the first of the link


def chained(id_: str, day: date, place: Place, text: str) -> Chained:
    """`text`: all that the event says, in a form that is the same every time."""
    return Chained(day, place, (id_,), (sha256(text.encode()).digest(),))


def linked(previous: Link | None, batch: Sequence[Chained], made: datetime) -> list[Link]:
    """The links of a batch, one per day, that go on from `previous`."""
    links: list[Link] = []
    after = previous.last if previous else (0, 0)
    for day, rows in sorted(by_day(batch).items()):
        before = links[-1] if links else previous
        leaves = _leaves(rows)
        link = Link(
            number=before.number + 1 if before else 1,
            day=day,
            after=after,
            last=batch[-1].place,
            count=len(leaves),
            content=content(leaves),
            leaves=b"".join([leaf[:SHORT] for leaf in leaves]),
            made=made,
        )
        links.append(replace(link, hash=link_hash(link, before.hash if before else START)))
    return links


def by_day(rows: Iterable[Chained]) -> Mapping[date, list[Chained]]:
    days: dict[date, list[Chained]] = {}
    for row in rows:
        days.setdefault(row.day, []).append(row)
    return days


def _leaves(rows: Iterable[Chained]) -> list[bytes]:
    return [leaf for row in rows for leaf in row.leaves]


def content(leaves: Iterable[bytes]) -> bytes:
    return sha256(b"".join(leaves)).digest()


def link_hash(link: Link, previous: bytes) -> bytes:
    made = microseconds(link.made)
    facts = [link.number, link.day.isoformat(), *link.after, *link.last, link.count, made, link.content.hex()]
    return sha256(previous + _encode(facts) + sha256(link.leaves).digest()).digest()


def differences(link: Link, rows: Sequence[Chained]) -> list[Finding]:
    """What is wrong with the events of one link; the first of each kind."""
    there = _leaves(rows)
    if len(there) == link.count and content(there) == link.content:
        return []
    return _named(link, [id_ for row in rows for id_ in row.ids], [leaf[:SHORT] for leaf in there])


def _named(link: Link, ids: Sequence[str], there: Sequence[bytes]) -> list[Finding]:
    kept = [link.leaves[at : at + SHORT] for at in range(0, len(link.leaves), SHORT)]
    missing, extra = set(kept) - set(there), set(there) - set(kept)
    if not missing and not extra and len(there) == len(kept):
        at = next((place for place, pair in enumerate(zip(kept, there, strict=True)) if pair[0] != pair[1]), 0)
        return [Finding("reordered", link.day, link.number, ids[at])]
    strangers = [id_ for id_, leaf in zip(ids, there, strict=True) if leaf in extra]
    if len(there) == len(kept):
        return [Finding("changed", link.day, link.number, id_) for id_ in strangers[:1]]
    if len(there) > len(kept):
        doubled = strangers or ids[-1:]
        return [Finding("inserted", link.day, link.number, doubled[0])]
    at = next((place for place, leaf in enumerate(kept) if leaf in missing), 0)
    before = next((id_ for id_, leaf in reversed(list(zip(ids, there, strict=True))) if leaf in kept[:at]), "")
    return [Finding("deleted", link.day, link.number, before)]
