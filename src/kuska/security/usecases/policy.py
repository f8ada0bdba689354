"""Asked by every door: what may this caller do, for this purpose? Answered from memory until something changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.security.contracts import Access, Caller, Role
from kuska.security.domain.policy import Decision, Granted, Place, decide
from kuska.security.store import callers
from kuska.security.store.consents import CommonConsents
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.roles import Roles

_MOST = 20_000


class Policy:
    def __init__(self, db: Database, roles: Roles, place: Place, clock: Clock, epoch: Epoch) -> None:
        self._db = db
        self._roles = roles
        self._place = place
        self._clock = clock
        self._kept: dict[tuple[Any, ...], Decision] = {}
        self._common = CommonConsents()
        self._turn = 0
        epoch.listen(self._forget)

    async def access(self, caller: Caller, purpose: str = "") -> Access:
        """Raises NobodyError or RefusedByPolicyError when there is nothing at all for this caller and purpose."""
        key = _key(caller, purpose)
        kept = self._kept.get(key)
        now = self._clock.now()
        if kept is None or (kept.until is not None and kept.until <= now):
            turn = self._turn
            roles = await self._roles.current()
            async with self._db.read() as conn:
                known = await callers.facts(
                    conn,
                    caller,
                    now,
                    self._common,
                    permissions=_reaches(caller, roles),
                    breaks=_breaks(caller, roles),
                )
            kept = decide(caller, purpose, roles, known, place=self._place, now=now)
            # What was read before something changed is good for this request, and not kept for the next.
            if turn == self._turn:
                if len(self._kept) >= _MOST:
                    self._kept.clear()
                self._kept[key] = kept
        return Granted(caller, kept)

    def _forget(self) -> None:
        self._turn += 1
        self._kept.clear()


def _key(caller: Caller, purpose: str) -> tuple[Any, ...]:
    """What the decision depends on: not the address, the session, or when the person signed in."""
    return (
        caller.account,
        caller.client,
        caller.roles,
        caller.scopes,
        caller.patient,
        purpose,
        caller.purpose,
        caller.purposes,
        caller.methods,
        caller.kind,
        caller.practitioner,
        caller.organization,
        caller.tenant,
        caller.country,
    )


def _held(caller: Caller, roles: Mapping[str, Role]) -> list[Role]:
    return [roles[name] for name in caller.roles if name in roles]


def _reaches(caller: Caller, roles: Mapping[str, Role]) -> bool:
    return any(role.reach == "consented" for role in _held(caller, roles))


def _breaks(caller: Caller, roles: Mapping[str, Role]) -> bool:
    return any("break-glass" in role.features for role in _held(caller, roles))
