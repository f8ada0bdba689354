"""What every kind of factor works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.security.contracts import Caller, Event, Sealer
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.refusals import Refusals
from kuska.security.visit import event_id

Change = Literal["C", "U", "D", "E"]
# Says whether one of these roles may not be used without a second factor.
Demands = Callable[[Sequence[str]], Awaitable[bool]]
# Puts a mail about a change of somebody's factors into the outbox, in the transaction of the change.
Tell = Callable[[Write, str, str], Awaitable[None]]


class Noting(Protocol):
    def note(self, event: Event) -> None: ...
    async def within(self, tx: Write, events: Sequence[Event]) -> None: ...
    async def keep(self, event: Event) -> None: ...


async def nobody_told(_tx: Write, _account: str, _what: str) -> None:
    """Where there is no outbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    db: Database
    clock: Clock
    sealer: Sealer
    trail: Noting
    epoch: Epoch
    demands: Demands
    refusals: Refusals
    own_url: str  # origin of the pages, 'https://record.example.org'
    tell: Tell = nobody_told
    alone: bool = True  # a passkey alone signs in; not where only other providers may
    fresh: timedelta = timedelta(minutes=10)
    free_failures: int = 5
    longest_wait: float = 900.0
    argon2_memory: int = 19_456
    argon2_passes: int = 2

    def event(self, action: Change, what: str, caller: Caller, *, reason: str = "", of: str = "") -> Event:
        """`of`: the account whose factor it is, where that is not the caller's own."""
        return Event(
            id=event_id(),
            at=self.clock.now(),
            action=action,
            kind="factor",
            interaction=what,
            outcome="4" if reason else "0",
            reason=reason,
            caller=caller,
            detail=(("account", of),) if of else (),
        )
