"""Visits for tests of what administrators, auditors and physicians do, on a real database with a clock that is set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from kuska.infra.postgres.database import Database
from kuska.kit.clock import SetClock
from kuska.security.contracts import Caller, Event
from kuska.security.domain.policy import Place
from kuska.security.settings import SecuritySettings
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.glass import BreakGlass
from kuska.security.usecases.policy import Policy
from kuska.security.usecases.roles import Roles
from kuska.security.visit import Visit

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SETTINGS = SecuritySettings(tenant="hospital", country="PE", data_protection_mail="dpo@hospital.example")


class Lines:
    """The trail, as a list. What is noted in a transaction that fails is not there."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def note(self, event: Event) -> None:
        self.events.append(event)

    async def keep(self, event: Event) -> None:
        self.events.append(event)

    async def within(self, tx: Any, events: Sequence[Event]) -> None:
        assert tx.is_in_transaction()
        self.events += events

    def columns(self, events: Sequence[Event]) -> tuple[Sequence[Any], ...]:
        raise NotImplementedError

    def said(self) -> list[tuple[str, str, str, str]]:
        return [(event.kind, event.interaction, event.outcome, event.reason) for event in self.events]


class Register:
    """The record's patients: p0 … p9, of whom p1 has a document."""

    async def locate(self, text: str) -> str | None:
        return {"70123456-1": "p1", **{f"p{n}": f"p{n}" for n in range(10)}}.get(text)


@dataclass(frozen=True)
class House:
    db: Database
    clock: SetClock
    epoch: Epoch
    lines: Lines
    roles: Roles
    policy: Policy
    glass: BreakGlass

    async def visit(self, *roles: str, **changed: Any) -> Visit:
        return Visit(await self.policy.access(self.caller(*roles, **changed)), self.lines, self.clock, "request-1")

    def caller(self, *roles: str, **changed: Any) -> Caller:
        made = Caller(
            kind="person",
            account=f"account-{'-'.join(roles)}",
            roles=roles,
            practitioner="doctor",
            organization="us",
            tenant=SETTINGS.tenant,
            country=SETTINGS.country,
            authenticated=NOW,
            methods=("pwd", "otp"),
            confirmed=self.clock.now(),
        )
        return replace(made, **changed)


def house(db: Database, settings: SecuritySettings = SETTINGS) -> House:
    clock, epoch, lines = SetClock(NOW), Epoch(db), Lines()
    roles = Roles(db, settings, clock, epoch)
    policy = Policy(db, roles, Place(settings.tenant, settings.country), clock, epoch)
    return House(db, clock, epoch, lines, roles, policy, BreakGlass(db, settings, clock, epoch, Register()))


async def emptied(db: Database) -> None:
    """The worker's tests share a database, and a role edited in one would count in all."""
    async with db.write() as tx:
        await tx.execute("truncate security.role, security.glass, security.consent")
        await tx.execute("delete from security.account where id in ('a1', 'own-record')")
        await tx.execute("delete from security.mail where kind = 'break-glass'")
