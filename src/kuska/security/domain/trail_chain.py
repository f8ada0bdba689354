"""The chain of hashes over the trail: what is hashed, and what does not fit when it is done again.

leaf     sha256 of an event: its fields as one text (trail_chain.sql says which, in what order)
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
class ChainedEvent:
    """What the chain needs to know of a row of the trail."""

    id: str
    day: date
    place: Place
    leaf: bytes


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
    event: str = ""  # its id; for a deleted one that of the event before it in the chain, '' = the first of the link


def chained(id_: str, day: date, place: Place, text: str) -> ChainedEvent:
    """`text`: all that the event says, in a form that is the same every time."""
    return ChainedEvent(id_, day, place, sha256(text.encode()).digest())


def linked(previous: Link | None, batch: Sequence[ChainedEvent], made: datetime) -> list[Link]:
    """The links of a batch, one per day, that go on from `previous`."""
    links: list[Link] = []
    after = previous.last if previous else (0, 0)
    for day, events in sorted(by_day(batch).items()):
        before = links[-1] if links else previous
        link = Link(
            number=before.number + 1 if before else 1,
            day=day,
            after=after,
            last=batch[-1].place,
            count=len(events),
            content=content(events),
            leaves=b"".join(event.leaf[:SHORT] for event in events),
            made=made,
        )
        links.append(replace(link, hash=link_hash(link, before.hash if before else START)))
    return links


def by_day(events: Iterable[ChainedEvent]) -> Mapping[date, list[ChainedEvent]]:
    days: dict[date, list[ChainedEvent]] = {}
    for event in events:
        days.setdefault(event.day, []).append(event)
    return days


def content(events: Sequence[ChainedEvent]) -> bytes:
    return sha256(b"".join(event.leaf for event in events)).digest()


def link_hash(link: Link, previous: bytes) -> bytes:
    made = microseconds(link.made)
    facts = [link.number, link.day.isoformat(), *link.after, *link.last, link.count, made, link.content.hex()]
    return sha256(previous + _encode(facts) + sha256(link.leaves).digest()).digest()


def differences(link: Link, events: Sequence[ChainedEvent]) -> list[Finding]:
    """What is wrong with the events of one link; the first of each kind."""
    if len(events) == link.count and content(events) == link.content:
        return []
    kept = [link.leaves[at : at + SHORT] for at in range(0, len(link.leaves), SHORT)]
    there = [event.leaf[:SHORT] for event in events]
    missing, extra = set(kept) - set(there), set(there) - set(kept)
    if not missing and not extra and len(there) == len(kept):
        at = next((place for place, pair in enumerate(zip(kept, there, strict=True)) if pair[0] != pair[1]), 0)
        return [Finding("reordered", link.day, link.number, events[at].id)]
    strangers = [event for event in events if event.leaf[:SHORT] in extra]
    if len(there) == len(kept):
        return [Finding("changed", link.day, link.number, event.id) for event in strangers[:1]]
    if len(there) > len(kept):
        doubled = strangers or events[-1:]
        return [Finding("inserted", link.day, link.number, doubled[0].id)]
    at = next((place for place, leaf in enumerate(kept) if leaf in missing), 0)
    before = next((event.id for event in reversed(events) if event.leaf[:SHORT] in kept[:at]), "")
    return [Finding("deleted", link.day, link.number, before)]
