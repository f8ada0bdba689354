from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SetClock
from kuska.security.contracts import Event
from kuska.security.domain.accounts import Account
from kuska.security.domain.sealing import passing_ring
from kuska.security.domain.sessions import Session
from kuska.security.domain.trail_line import line
from kuska.security.store.epoch import Epoch
from kuska.security.store.trail_events import TrailEvents
from kuska.security.usecases.factors.factors import Factors
from kuska.security.usecases.factors.parts import Parts
from kuska.security.usecases.limits import Unlimited
from kuska.security.usecases.refusals import Refusals
from kuska.security.visit import event_id

ORIGIN = "https://record.example.org"
START = datetime(2026, 11, 21, 9, 0, 10, tzinfo=UTC)


class Kept:
    """The trail without its journal: what is noted here is always kept."""

    def __init__(self, events: TrailEvents) -> None:
        self._events = events

    def note(self, event: Event) -> None:
        raise NotImplementedError

    async def within(self, tx: Write, events: Sequence[Event]) -> None:
        await self._events.append_within(tx, [line(event) for event in events])

    async def keep(self, event: Event) -> None:
        await self._events.append([line(event)])


@dataclass
class Person:
    """Somebody at the pages, and what they have shown so far."""

    factors: Factors
    account: Account
    clock: SetClock
    db: Database
    session: Session

    def shows(self, *methods: str, pending: bool = False) -> Session:
        """A session in which these methods were shown now."""
        now = self.clock.now()
        self.session = replace(self.session, methods=methods, shown=(now,) * len(methods), pending=pending)
        return self.session

    async def events(self) -> list[tuple[str, str, str]]:
        """(what, outcome, reason) of the trail."""
        async with self.db.read() as conn:
            rows = await conn.fetch(
                "select interaction, outcome, reason from security.event"
                " where kind = 'factor' and account = $1 order by id",
                self.account.id,
            )
        return [(row[0], str(row[1]), row[2]) for row in rows]


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START)


@pytest.fixture
def told() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def factors(db: Database, clock: SetClock, told: list[tuple[str, str]]) -> Factors:
    async def tell(tx: Write, account: str, what: str) -> None:
        told.append((account, what))

    async def demands(roles: Sequence[str]) -> bool:
        return "physician" in roles

    trail = Kept(TrailEvents(db))
    parts = Parts(
        db=db, clock=clock, sealer=passing_ring(), trail=trail, epoch=Epoch(db),
        refusals=Refusals(trail, Unlimited()), demands=demands, own_url=ORIGIN, tell=tell, argon2_memory=8, argon2_passes=1,
    )  # fmt: skip
    return Factors(parts)


@pytest.fixture
def person(db: Database, clock: SetClock, factors: Factors) -> Callable[..., Any]:
    async def make(*roles: str) -> Person:
        now = clock.now()
        account = Account(
            id=event_id(), kind="person", tenant="demo", login=f"{event_id()}@example.org", display_name="Ana Quispe",
            status="active", country="PE", roles=roles, created=now, updated=now,
        )  # fmt: skip
        async with db.write() as tx:
            await tx.execute(
                "insert into security.account (id, kind, tenant, login, display_name, status, country, created, updated)"
                " values ($1, 'person', 'demo', $2, 'Ana Quispe', 'active', 'PE', $3, $3)",
                account.id,
                account.login,
                now,
            )
        session = Session(
            id=event_id(), account=account, pending=False, methods=("pwd",), shown=(now,), created=now,
            authenticated=now, seen=now, ends=now + timedelta(hours=12), address="192.0.2.1", agent="test",
        )  # fmt: skip
        return Person(factors, account, clock, db, session)

    return make
