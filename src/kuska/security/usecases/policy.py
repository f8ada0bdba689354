"""Asked by every door: what may this caller do, for this purpose? Answered from memory until something changes."""

from __future__ import annotations

import asyncio
from typing import Any

from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.security.contracts import Access, Caller
from kuska.security.domain.policy import Decision, Granted, Place, decide
from kuska.security.store import callers
from kuska.security.store.consents import HeardConsents
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
        # The same for callers that the door keeps: found without comparing what they are.
        self._given: dict[tuple[int, str], Granted] = {}
        self._heard = HeardConsents()
        self._asking: dict[tuple[Any, ...], asyncio.Task[Decision]] = {}
        self._turn = 0
        epoch.listen(self._forget)

    def known(self, caller: Caller, purpose: str) -> Access | None:
        """What was decided for this very object and is good until something changes. None: ask for `access`."""
        given = self._given.get((id(caller), purpose))
        return given if given is not None and given.caller is caller and given.until is None else None

    async def access(self, caller: Caller, purpose: str = "") -> Access:
        """Raises NobodyError or RefusedByPolicyError when there is nothing at all for this caller and purpose."""
        known = self.known(caller, purpose)
        if known is not None:
            return known
        key = _key(caller, purpose)
        kept = self._kept.get(key)
        if kept is None or (kept.until is not None and kept.until <= self._clock.now()):
            kept = await self._asked_once(key, caller, purpose)
            if self._kept.get(key) is not kept:  # something changed while it was asked for
                return Granted(caller, kept)
        granted = Granted(caller, kept)
        if len(self._given) >= _MOST:
            self._given.clear()
        self._given[id(caller), purpose] = granted
        return granted

    async def _asked_once(self, key: tuple[Any, ...], caller: Caller, purpose: str) -> Decision:
        """Many requests of one caller that come together after a change ask the database once. In a task of its own:
        the one that began it may go away.
        """
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._decide(key, caller, purpose))
            asking.add_done_callback(lambda done, of=self._asking: _over(of, key, done))
        return await asyncio.shield(asking)

    async def _decide(self, key: tuple[Any, ...], caller: Caller, purpose: str) -> Decision:
        turn, now = self._turn, self._clock.now()
        roles = await self._roles.current()
        held = [roles[name] for name in caller.roles if name in roles]
        async with self._db.read() as conn:
            known = await callers.facts(
                conn,
                caller,
                now,
                self._heard,
                permissions=any(role.reach == "consented" for role in held),
                breaks=any("break-glass" in role.features for role in held),
            )
        decision = decide(caller, purpose, roles, known, place=self._place, now=now)
        # What was read before something changed is good for who asked before, and not kept for who asks later.
        if turn == self._turn:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[key] = decision
        return decision

    def _forget(self) -> None:
        self._turn += 1
        self._kept.clear()
        self._given.clear()
        self._asking = {}


def _over(
    asking: dict[tuple[Any, ...], asyncio.Task[Decision]], key: tuple[Any, ...], done: asyncio.Task[Decision]
) -> None:
    asking.pop(key, None)
    if not done.cancelled():
        done.exception()  # looked at: nobody may be waiting for it any more


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
