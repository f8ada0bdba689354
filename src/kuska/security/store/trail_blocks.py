"""Events out of blocks of reads: conditions find the blocks, what is in them is looked at one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from kuska.infra.postgres.connection import Read, Row
from kuska.kit.sqlfiles import load
from kuska.security.contracts import Event
from kuska.security.domain.trail_block import SPAN, events, unpacked
from kuska.security.domain.trail_line import moment
from kuska.security.domain.trail_question import Order, Question, place
from kuska.security.domain.trail_read import millisecond

_SQL = load(__package__, "trail_blocks.sql")
# The rest of a statement that begins with the keys, b: the blocks themselves.
_OF_KEYS = (
    "select b.at, b.until, b.id::text as id, whole.lines"
    " from b join security.event_block whole on whole.until = b.until and whole.id = b.id"
)
_FIRST, _MOST = 8, 256  # blocks at a time: few for who is found at once, more for who goes on
_LENGTH = timedelta(microseconds=SPAN)
_ANY = Question()
# From the newest back by their last event, from the oldest on by their first: what follows is then further on as a whole.
_KEY: dict[Order, str] = {"desc": "until", "asc": "at"}


async def find(conn: Read, id_: str) -> Event | None:
    """By the moment that the id says."""
    at = moment(millisecond(id_) * 1000)
    for row in await conn.fetch(_SQL["around"], at, at + timedelta(milliseconds=1), at + _LENGTH):
        for event in events(unpacked(row["lines"]), _ANY):
            if event.id == id_:
                return event
    return None


async def beside(
    conn: Read, others: Sequence[Event], question: Question, *, after: str, limit: int, order: Order
) -> list[Event]:
    """A page: `others`, which have rows of their own, and those of blocks, in one order."""
    start = place(after) if after else None
    conditions, values = _conditions(question, start, order)
    found = list(others)
    edge: tuple[datetime, str] | None = None
    size = _FIRST
    while True:
        rows = await _blocks(conn, question, conditions, values, edge=edge, size=size, order=order)
        for row in rows:
            found += [each for each in events(unpacked(row["lines"]), question) if _beyond(each, start, order)]
        found.sort(key=_place, reverse=order == "desc")
        if len(rows) < size:
            return found[:limit]
        edge = (rows[-1][_KEY[order]], rows[-1]["id"])
        if len(found) >= limit and _done(found[limit - 1].at, edge[0], order):
            return found[:limit]
        size = min(_MOST, size * 2)


def _done(last: datetime, edge: datetime, order: Order) -> bool:
    """Can the blocks that follow hold nothing that comes before the page's last event?"""
    return last > edge if order == "desc" else last < edge


def _beyond(event: Event, start: tuple[datetime, str] | None, order: Order) -> bool:
    return start is None or (_place(event) < start if order == "desc" else _place(event) > start)


def _place(event: Event) -> tuple[datetime, str]:
    return event.at, event.id


def _conditions(question: Question, start: tuple[datetime, str] | None, order: Order) -> tuple[list[str], list[object]]:
    since, until = question.since, question.until
    if start is not None and order == "asc":
        since = max(since or start[0], start[0])
    elif start is not None:
        # The event at the cursor's own moment may have others beside it.
        beside = start[0] + timedelta(microseconds=1)
        until = min(until or beside, beside)
    known = {
        "b.patients @> array[{}::text]": question.patient,
        "b.accounts @> array[{}::text]": question.account,
        "b.until >= {}": since,
        "b.at < {}": until,
        # These say nothing new, but to the indexes.
        "b.at >= {}": since and since - _LENGTH,
        "b.until < {}": until and until + _LENGTH,
    }
    given = [(piece, value) for piece, value in known.items() if value]
    return [piece.format(f"${place}") for place, (piece, _) in enumerate(given, 1)], [value for _, value in given]


async def _blocks(
    conn: Read,
    question: Question,
    conditions: Sequence[str],
    values: Sequence[object],
    *,
    edge: tuple[datetime, str] | None,
    size: int,
    order: Order,
) -> Sequence[Row]:
    key = _KEY[order]
    conditions, values = list(conditions), list(values)
    if edge is not None:
        values += edge
        sign = "<" if order == "desc" else ">"
        conditions.append(f"(b.{key}, b.id) {sign} (${len(values) - 1}, ${len(values)}::text::uuid)")
    where = f"where {' and '.join(conditions)}" if conditions else ""
    values.append(size)
    chosen = f"order by b.{key} {order}, b.id {order} limit ${len(values)}"
    if not question.patient:
        return await conn.fetch(f"{_SQL['blocks']} {where} {chosen}", *values)
    # Set apart, as for events: the planner would rather walk through all blocks by time. Without the lines, for many may
    # be found of which few are shown.
    keys = f"with found as materialized ({_SQL['keys']} {where}), b as (select * from found b {chosen})"
    return await conn.fetch(f"{keys} {_OF_KEYS} {chosen.partition(' limit')[0]}", *values)
