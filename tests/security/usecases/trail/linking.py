"""Links of the trail, made when nothing holds events back: so that a test knows which events are in which link."""

from __future__ import annotations

import asyncio
from typing import Any

_HELD_BACK = """
select exists (
    select from (select xact from security.event_block union all select xact from security.event) e, security.trail t
    where e.xact - t.xact_offset >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
)
"""


async def chain(made: Any, number: int) -> None:
    """All of them in one go: a transaction of another test's database would hold some back, and make a link more."""
    async with asyncio.timeout(60), made.verifying._db.read() as conn:
        while await conn.fetchval(_HELD_BACK):
            await asyncio.sleep(0.01)
        while number > 0:
            number -= await made.chaining.catch_up()
            await asyncio.sleep(0.001)
