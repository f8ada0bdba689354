"""The trail as everybody sees it (`contracts.Trail`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from kuska.infra.postgres.connection import Write
from kuska.infra.telemetry.logs import logger
from kuska.infra.telemetry.trail import TrailMetrics
from kuska.kit.errors import UnavailableError
from kuska.security.contracts import Event
from kuska.security.domain.audit_event import audit_event
from kuska.security.domain.trail_block import blocks
from kuska.security.domain.trail_line import EPOCH, MICROSECOND, line
from kuska.security.domain.trail_question import MOST, Page, Question, cursor
from kuska.security.domain.trail_read import Reading, ReadLines
from kuska.security.store.trail_events import TrailEvents, block_columns
from kuska.security.store.trail_journal import Journal
from kuska.security.store.trail_search import TrailSearch
from kuska.security.usecases.trail.export import Form, export
from kuska.security.usecases.trail.flushing import Flushing
from kuska.security.usecases.trail.keeping import Keeping
from kuska.security.usecases.trail.verify import Verifying
from kuska.security.visit import Visit

_log = logger("trail")


class AuditTrail:
    def __init__(
        self,
        *,
        events: TrailEvents,
        journal: Journal,
        flushing: Flushing,
        search: TrailSearch,
        verifying: Verifying,
        metrics: TrailMetrics,
        site: str = "",
        fresh: timedelta = timedelta(minutes=10),
    ) -> None:
        """`site`: the organisation whose trail it is, as AuditEvents say it; `fresh`: how long a second factor counts."""
        self._fresh = fresh
        self._search = search
        self._site = site
        self._events = events
        self.verifying = verifying
        self._journal = journal
        self._flushing = flushing
        self._keeping = Keeping(events)
        self._reads = ReadLines()
        self._refusing = False
        self.metrics = metrics

    def note(self, event: Event) -> None:
        """In the journal when it returns, in the database a moment later.

        Raises:
            UnavailableError: it cannot be noted, so what it tells about must not happen.
        """
        try:
            self._journal.write(line(event))
        except UnavailableError as error:
            self._refused(error)
            raise
        self._written()
        self.metrics.noted.inc()

    def read(self, at: datetime, reading: Reading, entities: Iterable[str], patients: Iterable[str]) -> None:
        """`note` of something that was read and given, as `Visit.end` has it: without the detour of an Event."""
        since = (at - EPOCH) // MICROSECOND
        try:
            text, plain = self._reads.line(at, since, reading, entities, patients)
            self._journal.write_read(text, since, reading[2].account, patients if plain else None)
        except UnavailableError as error:
            self._refused(error)
            raise
        if self._refusing or not self._flushing.awake:
            self._written()

    def _refused(self, error: UnavailableError) -> None:
        self.metrics.refused.inc()
        if not self._refusing:
            self._refusing = True
            _log.error("requests are refused: the trail cannot be written", reason=error.issues[0].message)

    def _written(self) -> None:
        if self._refusing:
            self._refusing = False
            _log.info("the trail can be written again")
        self._flushing.wake()

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
        return block_columns(blocks([line(event) for event in events]))

    async def search(self, question: Question, *, after: str = "", limit: int = 50) -> Page:
        """Newest first. `after`: the cursor of the page before. Whoever asks notes that it was asked.

        Raises:
            IncorrectError: `after` is no cursor.
        """
        limit = max(1, min(limit, MOST))
        found = await self._search.newest(question, after, limit + 1)
        events = tuple(found[:limit])
        return Page(events, cursor(events[-1]) if len(found) > limit else "")

    async def find(self, id_: str) -> Event | None:
        """One event by its id."""
        return await self._search.find(id_)

    def audit_event(self, event: Event) -> dict[str, Any]:
        """As a FHIR resource."""
        return audit_event(event, self._site)

    def export(self, visit: Visit, question: Question, form: Form) -> AsyncIterator[bytes]:
        """NDJSON of AuditEvents or CSV, oldest first; itself noted. Raises RefusedByPolicyError, StepUpError."""
        return export(self._search, visit, question, form, site=self._site, fresh=self._fresh)

    async def settled(self) -> None:
        """All that was noted until now is in the database: before a search that must see it."""
        await self._flushing.flush()
