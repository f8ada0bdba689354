"""A person signed in on the pages. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kuska.security.contracts import Caller
from kuska.security.domain.accounts import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    id: str
    account: Account
    pending: bool  # the second factor is still missing: good for nothing but showing it
    methods: tuple[str, ...]  # amr: 'pwd', 'otp', 'webauthn', 'ext'
    shown: tuple[datetime, ...]  # when each of them was last shown
    created: datetime
    authenticated: datetime
    seen: datetime
    ends: datetime
    address: str
    agent: str

    def alive(self, now: datetime, idle: timedelta) -> bool:
        return now < self.ends and now - self.seen < idle

    def fresh(self, method: str, now: datetime, within: timedelta) -> bool:
        """This method was shown a short while ago: what a step-up asks for."""
        return any(
            one == method and now - moment <= within for one, moment in zip(self.methods, self.shown, strict=True)
        )

    def caller(self, address: str) -> Caller:
        return replace(
            caller_of(self.account, address, self.methods), session=self.id, authenticated=self.authenticated
        )


def caller_of(account: Account, address: str, methods: tuple[str, ...] = ()) -> Caller:
    return Caller(
        kind=account.kind,
        account=account.id,
        roles=account.roles,
        patient=account.patient,
        practitioner=account.practitioner,
        organization=account.organization,
        tenant=account.tenant,
        country=account.country,
        address=address,
        methods=methods,
    )
