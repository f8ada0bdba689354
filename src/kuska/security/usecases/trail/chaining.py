"""Links are made a moment after the events, by one process at a time, behind every transaction still running.

So the chain never waits for a writer nor a writer for the chain, and an event that is committed late is not passed by.
"""

from __future__ import annotations

from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.logs import logger
from kuska.infra.telemetry.trail import TrailMetrics
from kuska.kit.clock import Clock
from kuska.security.domain.trail_chain import Link, linked
from kuska.security.store import trail_chain as store
from kuska.security.store.trail_heads import Heads

_BLOCKS = 100  # the same
_FEW = 100  # more come with the next turn
MOST = 500  # events of a batch: some milliseconds of hashing
_log = logger("trail")


class Chaining:
    def __init__(self, db: Database, clock: Clock, heads: Heads, metrics: TrailMetrics) -> None:
        self._db = db
        self._clock = clock
        self._heads = heads
        self._metrics = metrics

    async def settle(self) -> None:
        """Before the process notes anything."""
        async with self._db.write() as tx:
            if await store.settle(tx):
                _log.info("this database was restored: the trail goes on behind what it has")

    async def catch_up(self) -> int:
        """Until nothing is left that may have a link; how many events got one."""
        number = 0
        while made := await self.step():
            number += made
            if made < _FEW:
                break
        return number

    async def step(self) -> int:
        """One batch. 0 also when another process is at it."""
        async with self._db.write() as tx:
            if not await store.turn(tx):
                return 0
            last = await store.last(tx)
            after = last.last if last else (0, 0)
            through = (await store.horizon(tx), 0)
            batch = await store.rows(tx, after, through, MOST, _BLOCKS)
            now = self._clock.now()
            links = linked(last, batch, now) if batch else []
            await store.insert(tx, links)
            oldest = await store.waiting(tx, links[-1].last if links else after)
        self._metrics.chain_lag.set(max(0.0, (now - oldest).total_seconds()) if oldest else 0.0)
        self._publish(last, links)
        return sum(len(row.leaves) for row in batch)

    def _publish(self, last: Link | None, links: list[Link]) -> None:
        """Out of the reach of whoever owns the database: a chain that is made anew from some event on has other hashes."""
        for link in links:
            if last is not None and link.day > last.day:
                self._heads.add(last, closes=True)
                _log.info(
                    "a day of the trail is closed", day=last.day.isoformat(), link=last.number, hash=last.hash.hex()
                )
            last = link
        if links:
            self._heads.add(links[-1], closes=False)
