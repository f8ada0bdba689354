"""The trail as everybody sees it (`contracts.Trail`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kuska.infra.postgres.connection import Write
from kuska.infra.telemetry.logs import logger
from kuska.infra.telemetry.trail import TrailMetrics
from kuska.kit.errors import UnavailableError
from kuska.security.contracts import Event
from kuska.security.domain.trail_line import columns, line
from kuska.security.store.trail_events import TrailEvents
from kuska.security.store.trail_journal import Journal
from kuska.security.usecases.trail.flushing import Flushing
from kuska.security.usecases.trail.keeping import Keeping
from kuska.security.usecases.trail.verify import Verifying

_log = logger("trail")


class AuditTrail:
    def __init__(
        self, events: TrailEvents, journal: Journal, flushing: Flushing, verifying: Verifying, metrics: TrailMetrics
    ) -> None:
        self._events = events
        self.verifying = verifying
        self._journal = journal
        self._flushing = flushing
        self._keeping = Keeping(events)
        self.metrics = metrics

    def note(self, event: Event) -> None:
        """In the journal when it returns, in the database a moment later.

        Raises:
            UnavailableError: it cannot be noted, so what it tells about must not happen.
        """
        try:
            self._journal.write(line(event))
        except UnavailableError as error:
            self.metrics.refused.inc()
            _log.error("requests are refused: the trail cannot be written", reason=error.issues[0].message)
            raise
        self._flushing.wake()
        self.metrics.noted.inc()

    async def keep(self, event: Event) -> None:
        """Committed when it returns.

        Raises:
            UnavailableError: the database cannot be reached, so what it tells about must not happen.
        """
        await self._keeping.keep(line(event))
        self.metrics.noted.inc()

    async def within(self, tx: Write, events: Sequence[Event]) -> None:
        """In the transaction of what they tell about: both or neither."""
        await self._events.append_within(tx, [line(event) for event in events])

    def columns(self, events: Sequence[Event]) -> tuple[Sequence[Any], ...]:
        return columns([line(event) for event in events])

    async def settled(self) -> None:
        """All that was noted until now is in the database: before a search that must see it."""
        await self._flushing.flush()
