"""What all use cases of accounts work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.security.contracts import ANONYMOUS, Caller, Event, PatientFinder, Role
from kuska.security.domain.accounts import Account
from kuska.security.settings import SecuritySettings
from kuska.security.store.accounts import AccountStore
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.accounts.hashing import Hasher
from kuska.security.usecases.mailing.mailroom import Mailroom
from kuska.security.usecases.refusals import Refusals
from kuska.security.usecases.sessions import Sessions
from kuska.security.visit import event_id

# Says whether this person has to show a second factor after the password.
NeedsFactor = Callable[[Account], Awaitable[bool]]
KnownRoles = Callable[[], Awaitable[Mapping[str, Role]]]


class Noting(Protocol):
    def note(self, event: Event) -> None: ...
    async def keep(self, event: Event) -> None: ...
    async def within(self, tx: Write, events: Sequence[Event]) -> None: ...


async def never(_: Account) -> bool:
    """Where there are no factors."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    db: Database
    settings: SecuritySettings
    clock: Clock
    trail: Noting
    epoch: Epoch
    store: AccountStore
    hasher: Hasher
    sessions: Sessions
    mailroom: Mailroom
    roles: KnownRoles
    refusals: Refusals
    patients: PatientFinder | None = None
    needs_factor: NeedsFactor = never
    passwords: bool = True  # people sign in with passwords of ours; not where only other providers may

    def event(
        self,
        action: Literal["C", "R", "U", "D", "E"],
        what: str,
        *,
        address: str = "",
        caller: Caller = ANONYMOUS,
        account: Account | None = None,
        of: str = "",
        reason: str = "",
        kind: str = "account",
    ) -> Event:
        """`of`: id of the account it is about, as far as there is one; `reason`: why it was refused."""
        id_ = account.id if account is not None else of
        return Event(
            id=event_id(),
            at=self.clock.now(),
            action=action,
            kind=kind,
            interaction=what,
            outcome="4" if reason else "0",
            reason=reason,
            caller=replace(caller, address=address) if address else caller,
            patients=(account.patient,) if account is not None and account.patient else (),
            detail=(("account", id_),) if id_ else (),
        )
