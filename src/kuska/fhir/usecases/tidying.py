"""What the record does by itself now and then: the outbox does not grow for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from kuska.fhir.store.changes import Outbox
from kuska.fhir.usecases.record import Archive
from kuska.infra.telemetry.logs import logger
from kuska.kit.clock import Clock
from kuska.kit.errors import KuskaError

_FIRST, _EVERY = 60.0, 3600.0  # seconds
_log = logger("fhir")


@asynccontextmanager
async def tidied(archive: Archive, clock: Clock, first: float = _FIRST, every: float = _EVERY) -> AsyncGenerator[None]:
    """While the block runs. Several processes may do it at once."""
    task = asyncio.create_task(_tidy(archive, clock, first, every))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _tidy(archive: Archive, clock: Clock, first: float, every: float) -> None:
    outbox = Outbox(archive.definitions)
    kept = timedelta(days=archive.settings.change_days)
    await asyncio.sleep(first)
    while True:
        now = clock.now()
        try:
            await archive.db.transact(lambda tx, now=now: outbox.trim(tx, now, now - kept))
        except KuskaError as error:
            _log.info("tidying waits", error=type(error).__name__)
        except Exception:  # noqa: BLE001 - the next turn may go better; the record works without
            _log.exception("tidying")
        await asyncio.sleep(every)
