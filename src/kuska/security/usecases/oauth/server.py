"""The whole server: its verbs, and what it does by itself (rotating keys, sweeping what is over)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import timedelta

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.logs import logger
from kuska.kit.background import beside
from kuska.kit.clock import Clock
from kuska.security.contracts import Sealer
from kuska.security.domain.claims import House
from kuska.security.domain.scopes import Decidable, every_restriction
from kuska.security.settings import SecuritySettings
from kuska.security.store import oauth_grants, oauth_keys
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.limits import Knocking, Unlimited
from kuska.security.usecases.oauth.authenticate import ClientDoor
from kuska.security.usecases.oauth.authorize import Authorization
from kuska.security.usecases.oauth.exchange import Exchange
from kuska.security.usecases.oauth.introspect import Introspection
from kuska.security.usecases.oauth.keys import SigningKeys
from kuska.security.usecases.oauth.launching import Launching
from kuska.security.usecases.oauth.operator import OperatorTokens
from kuska.security.usecases.oauth.parts import (
    Choosing,
    Fetch,
    Locate,
    MayChoose,
    Noting,
    Parts,
    an_id,
    anybody,
    nothing_fetched,
)
from kuska.security.usecases.oauth.registry import Registry
from kuska.security.usecases.oauth.revoke import Revocation
from kuska.security.usecases.oauth.tokens import Tokens
from kuska.security.usecases.refusals import Refusals

_PAUSE = 600.0  # seconds between two rounds of keeping order
_log = logger("security")


class OAuth:
    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        authorization = Authorization(parts)
        # For the pages.
        self.authorize = authorization.authorize
        self.decide = authorization.decide
        self.launch = Launching(parts).launch
        # For applications.
        self.client_door = ClientDoor(parts)
        self.token = Exchange(parts).token
        introspection = Introspection(parts)
        self.introspect = introspection.introspect
        self.userinfo = introspection.userinfo
        revocation = Revocation(parts)
        self.revoke = revocation.revoke
        # For people, of what they granted, and for administrators.
        self.granted = revocation.granted
        self.end = revocation.end
        self.replace_keys = revocation.replace_keys
        self.clients = Registry(parts)
        # For whoever runs the machine.
        self.operator = OperatorTokens(parts)

    def choose_with(self, may: MayChoose, locate: Locate) -> None:
        """From now on `may` says whether a person may choose a patient, and `locate` whom a document names."""
        self.parts.choosing.may, self.parts.choosing.locate = may, locate

    async def tend(self) -> None:
        """Rotates the signing key when it is time, and sweeps out what is over."""
        parts = self.parts
        now = parts.clock.now()

        async def sweep(tx: Write) -> None:
            await oauth_grants.sweep(tx, now)
            await oauth_keys.forget_revocations(tx, now)

        await parts.db.transact(sweep)
        if await parts.tokens.keys.tend():
            await parts.db.transact(parts.epoch.bump)
            parts.epoch.forget()

    @contextlib.asynccontextmanager
    async def tended(self) -> AsyncGenerator[None]:
        try:
            async with beside(self._tend()):
                yield
        finally:
            await self.parts.tokens.settled()

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE)
            try:
                await self.tend()
            except Exception:  # noqa: BLE001 - whatever it was, the next round tries again
                _log.exception("keeping order among grants and keys")


async def open_tokens(
    db: Database, *, clock: Clock, epoch: Epoch, sealer: Sealer, settings: SecuritySettings, own_url: str
) -> Tokens:
    """Ready to check; with a key to sign with."""
    issuer = settings.public_url or own_url
    house = House(issuer=issuer, audience=f"{issuer}/fhir", tenant=settings.tenant, country=settings.country)
    keys = SigningKeys(db, clock, sealer, settings)
    if await keys.tend():
        await db.transact(epoch.bump)  # processes that run already have to know the key before it signs
    tokens = Tokens(db, clock, keys, house, timedelta(minutes=settings.token_minutes))
    await tokens.load()
    tokens.listen(epoch)
    return tokens


def oauth_of(
    tokens: Tokens,
    *,
    db: Database,
    clock: Clock,
    epoch: Epoch,
    trail: Noting,
    settings: SecuritySettings,
    fetch: Fetch = nothing_fetched,
    may_choose: MayChoose = anybody,
    locate: Locate = an_id,
    limits: Knocking | None = None,
    refusals: Refusals | None = None,
    decidable: Decidable = every_restriction,
) -> OAuth:
    return OAuth(
        Parts(
            db=db,
            clock=clock,
            epoch=epoch,
            tokens=tokens,
            trail=trail,
            fetch=fetch,
            choosing=Choosing(may_choose, locate),
            fresh=timedelta(minutes=settings.step_up_minutes),
            limits=(known := limits or Unlimited()),
            refusals=refusals or Refusals(trail, known),
            decidable=decidable,
            refresh_life=timedelta(days=settings.refresh_days),
            grant_life=timedelta(days=settings.grant_days),
        )
    )
