"""A process' trail from its start to its end: journal, flushing, chaining, retention."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.logs import logger
from kuska.infra.telemetry.trail import TrailMetrics
from kuska.kit.clock import Clock
from kuska.kit.errors import KuskaError
from kuska.security.settings import SecuritySettings
from kuska.security.store.trail_events import TrailEvents
from kuska.security.store.trail_journal import Journal
from kuska.security.usecases.trail.flushing import Flushing
from kuska.security.usecases.trail.trail import AuditTrail

_LAST_FLUSH = 5.0
_log = logger("trail")


@contextlib.asynccontextmanager
async def open_trail(db: Database, settings: SecuritySettings, clock: Clock, data: Path) -> AsyncGenerator[AuditTrail]:
    """The journal lies in `data`/journal."""
    folder = data / "journal"
    metrics = TrailMetrics()
    events = TrailEvents(db)
    journal = Journal(folder, settings.journal_bytes)
    flushing = Flushing(journal, events, metrics)
    await flushing.adopt(folder)
    tasks = [asyncio.create_task(flushing.run())]
    try:
        yield AuditTrail(events, journal, flushing, metrics)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(_LAST_FLUSH):
                await flushing.flush()
        except (KuskaError, TimeoutError):
            _log.warning("events stay in the journal until the next start", bytes=journal.waiting)
        journal.close()
