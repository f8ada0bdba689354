"""Questions to versions: history of whole types as it was at a time, which ones were deletions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kuska.infra.postgres.connection import Read, Row
from kuska.kit.sqlfiles import load

_SQL = load(__package__, "versions.sql")


async def current_between(
    conn: Read, types: Sequence[int], at: datetime, below: tuple[datetime, int], limit: int
) -> list[Row]:
    """Rows for `Records.stored`. `below` is the end of the time, or where the page before ended."""
    return await conn.fetch(_SQL["current_between"], list(types), at, below[0], below[1], limit)


async def after_deletion(conn: Read, versions: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Which of these (rid, version) brought a deleted resource back."""
    if not versions:
        return set()
    before = [version - 1 for _, version in versions]
    rows = await conn.fetch(_SQL["deletions"], [rid for rid, _ in versions], before)
    return {(row[0], row[1] + 1) for row in rows}
