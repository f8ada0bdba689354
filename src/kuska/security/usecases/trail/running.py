"""A process' trail from its start to its end: journal, flushing, chaining, retention."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.logs import logger
from kuska.infra.telemetry.trail import TrailMetrics
from kuska.kit.clock import Clock
from kuska.security.settings import SecuritySettings
from kuska.security.store import trail_months as months
from kuska.security.store.trail_events import TrailEvents
from kuska.security.store.trail_heads import Heads
from kuska.security.store.trail_journal import Journal
from kuska.security.store.trail_search import TrailSearch
from kuska.security.usecases.trail.chaining import Chaining
from kuska.security.usecases.trail.chores import Chores
from kuska.security.usecases.trail.flushing import Flushing
from kuska.security.usecases.trail.retention import Retention
from kuska.security.usecases.trail.trail import AuditTrail
from kuska.security.usecases.trail.verify import Verifying

_LAST_FLUSH = 5.0
_log = logger("trail")


def trail_verifier(db: Database, settings: SecuritySettings, clock: Clock, data: Path) -> Verifying:
    """Needs nothing but the database and the file of heads: also for a copy of both, on another machine."""
    return Verifying(db, clock, heads(settings, data), settings.country)


def heads(settings: SecuritySettings, data: Path) -> Heads:
    return Heads(Path(settings.audit_heads) if settings.audit_heads else data / "audit-heads.jsonl")


@contextlib.asynccontextmanager
async def open_trail(db: Database, settings: SecuritySettings, clock: Clock, data: Path) -> AsyncGenerator[AuditTrail]:
    """The journal lies in `data`/journal, what dead processes left there is brought in first."""
    folder = data / "journal"
    metrics = TrailMetrics()
    events = TrailEvents(db)
    journal = Journal(folder, settings.journal_bytes)
    flushing = Flushing(journal, events, metrics)
    chaining = Chaining(db, clock, heads(settings, data), metrics)
    verifying = trail_verifier(db, settings, clock, data)
    retention = Retention(db, clock, settings.country, verifying)

    async def ahead() -> None:
        async with db.write() as tx:
            await months.make_ahead(tx, clock.now())

    async def daily() -> None:
        await ahead()
        await retention.enforce()

    try:
        await ahead()
        await chaining.settle()
        await flushing.adopt(folder)
    except BaseException:
        journal.close()
        raise
    chores = Chores(clock, chaining.catch_up, lambda: flushing.adopt(folder), daily)
    tasks = [asyncio.create_task(flushing.run()), asyncio.create_task(chores.run())]
    try:
        yield AuditTrail(
            events=events,
            journal=journal,
            flushing=flushing,
            search=TrailSearch(db),
            verifying=verifying,
            metrics=metrics,
            site=settings.tenant,
            fresh=timedelta(minutes=settings.step_up_minutes),
        )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(_LAST_FLUSH):
                await flushing.flush()
        except Exception:  # noqa: BLE001 - whatever it is, they are safe where they are
            _log.warning("events stay in the journal until the next start", bytes=journal.waiting)
        journal.close()
