"""Tokens are given back (RFC 7009), grants are ended by their person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kuska.infra.postgres.connection import Write
from kuska.kit.errors import Issue, NotFoundError
from kuska.security.contracts import Caller
from kuska.security.domain.clients import Client
from kuska.security.domain.handles import digest
from kuska.security.domain.scopes import Scopes, asked
from kuska.security.errors import NobodyError
from kuska.security.store import oauth_grants as store
from kuska.security.store.oauth_keys import What
from kuska.security.usecases.oauth.parts import Parts, of_client
from kuska.security.visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a person sees of an application that acts for them."""

    id: str
    client: str
    name: str
    scopes: Scopes
    patient: str
    created: datetime
    expires: datetime


class Revocation:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def revoke(self, client: Client, token: str, address: str) -> None:
        """A refresh token takes its whole grant with it, an access token only itself. What is not this client's, or is
        nothing, is left without a word.
        """
        async with self._parts.db.read() as conn:
            known = await store.refresh(conn, digest(token))
        if known is not None:
            if known["client"] == client.id:
                await self._withdraw("grant", known["grant"], of_client(client, address))
            return
        try:
            ticket = self._parts.tokens.ticket(token)
        except NobodyError:
            return
        if ticket.caller.client == client.id:
            await self._withdraw("token", ticket.jti, of_client(client, address))

    async def granted(self, account: str) -> list[Granted]:
        """The applications that act for this person."""
        async with self._parts.db.read() as conn:
            rows = await store.of_account(conn, account, self._parts.clock.now())
        return [
            Granted(
                id=row["id"],
                client=row["client"],
                name=row["name"],
                scopes=asked(row["scope"]),
                patient=row["patient"],
                created=row["created"],
                expires=row["expires"],
            )
            for row in rows
        ]

    async def end(self, account: str, grant: str, by: Caller) -> None:
        """A person takes back what they granted. Raises NotFoundError for what is not theirs."""
        async with self._parts.db.read() as conn:
            known = await store.grant(conn, grant)
        if known is None or known.account != account or known.revoked is not None:
            raise NotFoundError(Issue(code="not-found", message="oauth.grant-unknown"))
        await self._withdraw("grant", grant, by)

    async def replace_keys(self, by: Visit | Caller) -> None:
        """The signing key may be known to somebody else: a new one now, and no token of the old one is taken.

        Raises RefusedByPolicyError, StepUpError.
        """
        caller = await self._parts.permitted(by, "keys.write", "replace", kind="key", about=("key", "signing"))

        async def work(tx: Write) -> None:
            kid = await self._parts.tokens.keys.replace(tx)
            await self._parts.epoch.bump(tx)
            event = self._parts.event("replace", caller, kind="key", detail=(("kid", kid),))
            await self._parts.trail.within(tx, [event])

        await self._parts.db.transact(work)
        await self._parts.tokens.load()
        self._parts.epoch.forget()

    async def _withdraw(self, what: What, id_: str, by: Caller) -> None:
        async def work(tx: Write) -> None:
            if what == "grant":
                await store.end(tx, id_, self._parts.clock.now())
            if what == "grant" and by.kind == "person":
                # A change of mind. A client that gives its token back has changed nobody's.
                await store.disapprove(tx, id_)
            await self._parts.withdraw(tx, what, id_)
            event = self._parts.event("revoked", by, detail=((what, id_),))
            await self._parts.trail.within(tx, [event])

        await self._parts.db.transact(work)
        self._parts.withdrawn(what, id_)
