"""Finding events: conditions are put together from fixed pieces, each beside the index that serves it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kuska.infra.postgres.connection import Read
from kuska.infra.postgres.database import Database
from kuska.kit.sqlfiles import load
from kuska.security.contracts import Event
from kuska.security.domain.trail_line import event
from kuska.security.domain.trail_question import Order, Question, place
from kuska.security.store import trail_blocks

_SQL = load(__package__, "trail_events.sql")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# What repeats the condition of a partial index lets the planner take it whatever the parameter is.
_PIECES = {
    "patient": "e.patients @> array[{}::text]",  # event_patients
    "account": "e.account = {} and e.account <> ''",  # event_account
    "practitioner": "e.as_practitioner = {}",
    "entity": "{} = any (e.entities)",
    "kind": "e.kind = {}",
    "action": "e.action = {}",
    "purpose": "e.purpose = {}",
    "address": "e.address = {}",
    "since": "e.at >= {}",
    "until": "e.at < {}",
}


class TrailSearch:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(self, id_: str) -> Event | None:
        if not _ID.fullmatch(id_):
            return None
        async with self._db.read() as conn:
            row = await conn.fetchrow(_SQL["find"], id_)
            return event(tuple(row)) if row is not None else await trail_blocks.find(conn, id_)

    async def newest(self, question: Question, after: str, limit: int) -> list[Event]:
        async with self._db.read() as conn:
            return await _merged(conn, question, after, limit, "desc")

    async def oldest(self, question: Question, after: str, limit: int) -> list[Event]:
        async with self._db.read() as conn:
            return await _merged(conn, question, after, limit, "asc")


async def _merged(conn: Read, question: Question, after: str, limit: int, order: Order) -> list[Event]:
    """Events of their own rows and those of blocks."""
    found = await _fetch(conn, question, after, limit, order)
    if question.kind in {"", "rest"} and question.outcome in {"", "0"}:
        found = await trail_blocks.beside(conn, found, question, after=after, limit=limit, order=order)
    return found


async def _fetch(conn: Read, question: Question, after: str, limit: int, order: Order) -> list[Event]:
    conditions, values = _conditions(question)
    if after:
        values += place(after)
        sign = "<" if order == "desc" else ">"
        conditions.append(f"(e.at, e.id) {sign} (${len(values) - 1}::timestamptz, ${len(values)}::text::uuid)")
    where = f"where {' and '.join(conditions)}" if conditions else ""
    columns = _SQL["columns"]
    if question.patient:
        # Set apart: with the order and the limit in sight, the planner would rather walk through all events by time.
        found = f"with found as materialized (select * from security.event e {where})\n"
        statement = found + columns.replace("from security.event e", "from found e")
    else:
        statement = f"{columns}\n{where}"
    values.append(limit)
    rows = await conn.fetch(f"{statement}\norder by e.at {order}, e.id {order} limit ${len(values)}", *values)
    return [event(tuple(row)) for row in rows]


def _conditions(question: Question) -> tuple[list[str], list[object]]:
    conditions: list[str] = []
    values: list[object] = []
    for name, piece in _PIECES.items():
        if value := getattr(question, name):
            values.append(value)
            conditions.append(piece.format(f"${len(values)}"))
    if question.kind not in {"", "rest"}:
        conditions.append("e.kind <> 'rest'")  # event_kind
    if question.outcome not in {"", "0"}:
        conditions.append("e.outcome <> 0")  # event_failed
    if question.outcome in {"0", "4", "8", "12"}:
        values.append(int(question.outcome))
        conditions.append(f"e.outcome = ${len(values)}")
    return conditions, values


def pieces() -> Sequence[str]:
    """What a Question can hold besides the outcome: a test compares."""
    return tuple(_PIECES)
