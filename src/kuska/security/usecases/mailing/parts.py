"""What is left in the trail when a mail's request turns into an account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from kuska.infra.postgres.connection import Write
from kuska.security.contracts import Caller, Event
from kuska.security.domain.accounts import Account
from kuska.security.visit import event_id


class Noting(Protocol):
    async def within(self, tx: Write, events: Sequence[Event]) -> None: ...


def account_event(account: Account, action: Literal["C", "U"], what: str, now: datetime) -> Event:
    return Event(
        id=event_id(),
        at=now,
        action=action,
        kind="account",
        interaction=what,
        caller=Caller(kind="system", tenant=account.tenant, country=account.country),
        patients=(account.patient,) if account.patient else (),
        detail=(("account", account.id),),
    )
