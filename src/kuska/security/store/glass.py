"""Broken glass in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kuska.infra.postgres.connection import Read, Write
from kuska.kit.sqlfiles import load

_SQL = load(__package__, "glass.sql")
# Later than everything: where the first page begins.
END = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Glass:
    """One time that somebody opened a record against the rules."""

    id: str
    account: str
    patient: str
    reason: str
    opened: datetime
    until: datetime
    ended: datetime | None = None
    ended_by: str | None = None
    reviewed: datetime | None = None
    reviewed_by: str | None = None


async def add(tx: Write, glass: Glass) -> None:
    await tx.execute(_SQL["break_it"], glass.id, glass.account, glass.patient, glass.reason, glass.opened, glass.until)


async def alone(tx: Write, account: str) -> None:
    await tx.execute(_SQL["alone"], account)


async def opened_since(conn: Read, account: str, since: datetime) -> int:
    found: int = await conn.fetchval(_SQL["opened_since"], account, since)
    return found


async def still_open(conn: Read, account: str, patient: str, now: datetime) -> Glass | None:
    row = await conn.fetchrow(_SQL["still_open"], account, patient, now)
    return None if row is None else _glass(row)


async def page(
    conn: Read, *, account: str, patient: str, before: tuple[datetime, str] | None, limit: int
) -> list[Glass]:
    rows = await conn.fetch(_SQL["page"], *(before or (END, "")), account, patient, limit)
    return [_glass(row) for row in rows]


def _glass(row: Any) -> Glass:
    return Glass(**dict(zip(row.keys(), row, strict=True)))


async def end(tx: Write, id_: str, now: datetime, by: str) -> tuple[str, str] | None:
    """Account and patient; None when it is not open."""
    row = await tx.fetchrow(_SQL["end_it"], id_, now, by)
    return None if row is None else (row[0], row[1])


async def review(tx: Write, id_: str, now: datetime, by: str) -> str | None:
    """The patient; None when there is nothing to review."""
    return await tx.fetchval(_SQL["review_it"], id_, now, by)


async def account_of(conn: Read, id_: str) -> str | None:
    return await conn.fetchval(_SQL["account_of_it"], id_)
