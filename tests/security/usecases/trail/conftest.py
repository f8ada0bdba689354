"""A trail in its parts, without its tasks: a test does by hand what they do in time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.security.usecases.trail.moments import NOON

from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.trail import TrailMetrics
from kuska.kit.clock import SetClock
from kuska.security.contracts import Event
from kuska.security.store.trail_events import TrailEvents
from kuska.security.store.trail_heads import Heads
from kuska.security.store.trail_journal import Journal
from kuska.security.store.trail_search import TrailSearch
from kuska.security.usecases.trail.chaining import Chaining
from kuska.security.usecases.trail.flushing import Flushing
from kuska.security.usecases.trail.retention import Retention
from kuska.security.usecases.trail.trail import AuditTrail
from kuska.security.usecases.trail.verify import Verifying
from kuska.security.visit import event_id


@dataclass(frozen=True, slots=True)
class Parts:
    clock: SetClock
    metrics: TrailMetrics
    journal: Journal
    flushing: Flushing
    heads: Heads
    chaining: Chaining
    verifying: Verifying
    retention: Retention
    trail: AuditTrail


@pytest.fixture
def an_event() -> Callable[..., Event]:
    def make(**given: Any) -> Event:
        return Event(**{"id": event_id(), "at": NOON, "action": "R", "kind": "rest", **given})

    return make


@pytest.fixture
def stored() -> Callable[[Database], Awaitable[list[str]]]:
    async def ids(db: Database) -> list[str]:
        async with db.read() as conn:
            return [str(row["id"]) for row in await conn.fetch("select id from security.event order by xact, seq")]

    return ids


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Callable[..., Parts]]:
    """`parts(db)` or `parts(events)`: everything but what runs by itself."""
    journals: list[Journal] = []

    def make(db: Database, events: TrailEvents | None = None, *, limit: int = 1 << 20) -> Parts:
        clock, metrics, heads = SetClock(NOON), TrailMetrics(), Heads(tmp_path / "heads.jsonl")
        journal = Journal(tmp_path / "journal", limit, segment=2000)
        journals.append(journal)
        events = events or TrailEvents(db)
        flushing = Flushing(journal, events, metrics)
        verifying = Verifying(db, clock, heads, "PE")
        return Parts(
            clock=clock,
            metrics=metrics,
            journal=journal,
            flushing=flushing,
            heads=heads,
            chaining=Chaining(db, clock, heads, metrics),
            verifying=verifying,
            retention=Retention(db, clock, "PE", verifying),
            trail=AuditTrail(
                events=events,
                journal=journal,
                flushing=flushing,
                search=TrailSearch(db),
                verifying=verifying,
                metrics=metrics,
                site="demo",
            ),
        )

    yield make
    for journal in journals:
        journal.close()
