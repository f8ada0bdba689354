"""Links of the chain, and events in its order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime

from kuska.infra.postgres.connection import Read, Row, Write
from kuska.kit.sqlfiles import load
from kuska.security.domain.trail_block import ids, leaves, unpacked
from kuska.security.domain.trail_chain import Chained, Link, Place, chained

_SQL = load(__package__, "trail_chain.sql")
_SMALL = 200


async def turn(tx: Write) -> bool:
    """Is it ours to work on the chain, in this transaction?"""
    return bool(await tx.fetchval(_SQL["turn"]))


async def settle(tx: Write) -> bool:
    """After a restore, places go on from where they were."""
    return await tx.fetchval(_SQL["settle"]) is not None


async def horizon(conn: Read) -> int:
    found: int = await conn.fetchval(_SQL["horizon"])
    return found


async def last(conn: Read) -> Link | None:
    row = await conn.fetchrow(_SQL["last"])
    return None if row is None else _link(row)


async def rows(conn: Read, after: Place, through: Place, limit: int, most: int) -> list[Chained]:
    """At most `limit` events that have rows of their own and `most` blocks: of a place all events, or none."""
    events = await conn.fetch(_SQL["events"], *after, *through, limit)
    found = [chained(id_, day, (xact, seq), text) for xact, seq, id_, day, text in events]
    blocks = await conn.fetch(_SQL["blocks"], *after, *through, most)
    if not blocks:
        return found
    # As far as both are known.
    ends: list[Place] = [found[-1].place] if len(events) == limit else []
    if len(blocks) == most:
        ends.append((blocks[-1][0], blocks[-1][1]))
    for xact, seq, day, at, until, accounts, patients, packed in blocks:
        lines = unpacked(packed)
        if lines:
            found.append(Chained(day, (xact, seq), ids(lines), leaves(at, until, accounts, patients, lines)))
    found.sort(key=_place)
    end = min(ends, default=None)
    return found if end is None else [row for row in found if row.place <= end]


def _place(row: Chained) -> Place:
    return row.place


async def waiting(conn: Read, after: Place) -> datetime | None:
    """The moment of the first event beyond a place."""
    found: datetime | None = await conn.fetchval(_SQL["waiting"], *after)
    return found


async def insert(tx: Write, links: Sequence[Link]) -> None:
    await tx.executemany(
        _SQL["insert"],
        [
            (
                link.number, link.day, *link.after, *link.last, link.count, link.content, link.leaves, link.made,
                link.hash,
            )
            for link in links
        ],
    )  # fmt: skip


async def numbers(conn: Read, first: date, last_: date) -> tuple[int, int] | None:
    """The links of some days; None when there are none."""
    row = await conn.fetchrow(_SQL["numbers"], first, last_)
    return None if row is None or row[0] is None else (row[0], row[1])


async def batches(conn: Read, first: int, last_: int) -> AsyncIterator[list[Link]]:
    """Links that were made of one batch of events, batch after batch."""
    batch: list[Link] = []
    for begin in range(first, last_ + 1, _SMALL):
        for row in await conn.fetch(_SQL["links"], begin, min(last_, begin + _SMALL - 1)):
            link = _link(row)
            if batch and link.last != batch[-1].last:
                yield batch
                batch = []
            batch.append(link)
    if batch:
        yield batch


async def before(conn: Read, number: int) -> tuple[bytes, Place] | None:
    """Hash and end of a link."""
    row = await conn.fetchrow(_SQL["before"], number)
    return None if row is None else (row[0], (row[1], row[2]))


async def closings(conn: Read) -> list[str]:
    """What retentions said, as JSON."""
    return [row[0] or "" for row in await conn.fetch(_SQL["closings"])]


async def first(conn: Read) -> tuple[int, date, Place] | None:
    """Number, day and beginning of the oldest link."""
    row = await conn.fetchrow(_SQL["first"])
    return None if row is None else (row[0], row[1], (row[2], row[3]))


async def outside(conn: Read, begin: Place, end: Place) -> tuple[date, str] | None:
    """Day and id of a row that no link can have, neither before `begin` nor after `end`."""
    row = await conn.fetchrow(_SQL["outside"], *begin, end[0])
    return None if row is None else (row[0], row[1])


async def headless(conn: Read, number: int) -> tuple[date, int, datetime] | None:
    """The first link beyond a number: its day, its number, when it was made."""
    row = await conn.fetchrow(_SQL["headless"], number)
    return None if row is None else (row[0], row[1], row[2])


async def lead(conn: Read, kept: date) -> int:
    found: int = await conn.fetchval(_SQL["lead"], kept)
    return found


async def remove(tx: Write, through: int) -> int:
    """Links up to a number; how many events they had."""
    found: int = await tx.fetchval(_SQL["removed"], through)
    return found


def _link(row: Row) -> Link:
    return Link(
        number=row["number"],
        day=row["day"],
        after=(row["after_xact"], row["after_seq"]),
        last=(row["last_xact"], row["last_seq"]),
        count=row["count"],
        content=row["content"],
        leaves=row["leaves"],
        made=row["made"],
        hash=row["hash"],
    )
