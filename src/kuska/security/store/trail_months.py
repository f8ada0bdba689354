"""The months of the trail: made ahead of time, dropped as a whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from kuska.infra.postgres.connection import Read, Write
from kuska.kit.sqlfiles import load
from kuska.security.domain.trail_chain import Place

_SQL = load(__package__, "trail_months.sql")
_NAME = re.compile(r"event_\d{6}")


async def make_ahead(tx: Write, now: datetime) -> int:
    made: int = await tx.fetchval(_SQL["ahead"], now)
    return made


async def over(conn: Read, day: date) -> Sequence[str]:
    return [row[0] for row in await conn.fetch(_SQL["over"], day)]


async def unlinked(conn: Read, after: Place, day: date) -> bool:
    return bool(await conn.fetchval(_SQL["unlinked"], *after, _begin(day)))


async def drop(tx: Write, months: Sequence[str], day: date) -> None:
    for month in months:
        if _NAME.fullmatch(month):
            await tx.execute(f"drop table security.{month}")
            await tx.execute(f"drop table security.event_block_{month[6:]}")
    await tx.execute(_SQL["others"], _begin(day))
    await tx.execute(_SQL["other_blocks"], _begin(day))


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
