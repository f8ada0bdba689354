"""Clients are registered, shown and withdrawn. Withdrawing is one action and takes everything with it (LW-16).

People come with their visit and have just shown a second factor.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from kuska.infra.postgres.connection import Write
from kuska.kit.errors import ConflictError, Issue, NotFoundError
from kuska.security.contracts import Caller, Event
from kuska.security.domain import clients
from kuska.security.domain.clients import Client, ClientError
from kuska.security.domain.handles import IMPOSSIBLE, digest, fresh
from kuska.security.domain.scopes import undecidable
from kuska.security.store import oauth_clients as store
from kuska.security.usecases.oauth.parts import Parts
from kuska.security.visit import Visit, event_id


class Registry:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def find(self, id_: str) -> Client:
        """Raises NotFoundError."""
        client = await self._parts.client(id_)
        if not client.id:
            raise NotFoundError(Issue(code="not-found", message="oauth.client-unknown"))
        return client

    async def every(self) -> list[Client]:
        async with self._parts.db.read() as conn:
            return await store.every(conn, self._parts.tenant)

    async def register(self, client: Client, by: Visit | Caller) -> tuple[Client, str]:
        """A new one: as it is kept, and its secret, shown this once; '' for one that has none. An empty id gets one made.

        Raises:
            ClientError: it must not be like this.
            ConflictError: there is one of this id, or was: it was withdrawn.
            RefusedByPolicyError, StepUpError.
        """
        about = ("client", client.id)
        caller = await self._parts.permitted(by, "clients.write", "register", kind="client", about=about)
        return await self._put(client, caller, "register", "C")

    async def replace(self, client: Client, by: Visit | Caller) -> tuple[Client, str]:
        """As `register`, in the place of the one of this id, if there is one: what it was and its secret count no more."""
        about = ("client", client.id)
        caller = await self._parts.permitted(by, "clients.write", "register-anew", kind="client", about=about)
        return await self._put(client, caller, "register-anew", "U")

    async def _put(self, client: Client, caller: Caller, what: str, action: Literal["C", "U"]) -> tuple[Client, str]:
        """`action` C: only where there is none of this id."""
        kept, secret = self._made(client)
        about = (("client", kept.id), ("scope", str(kept.scope)), ("roles", " ".join(kept.roles)))
        event = self._parts.event(what, caller, kind="client", action=action, detail=about)
        await self._save(kept, event, anew=action == "C")
        return kept, secret

    def _made(self, client: Client) -> tuple[Client, str]:
        """Raises ClientError."""
        house = self._parts.tokens.house
        secret = fresh() if client.kind == "confidential-secret" else ""
        kept = replace(
            client,
            id=client.id or event_id(),
            tenant=house.tenant,
            country=client.country or house.country,
            secret=digest(secret) if secret else IMPOSSIBLE,
            status="active",
        )
        clients.check(kept)
        if scope := undecidable(kept.scope.rules, self._parts.decidable):
            raise ClientError("oauth.client-restriction", scope=scope)
        return kept, secret

    async def _save(self, kept: Client, event: Event, *, anew: bool) -> None:
        now = self._parts.clock.now()

        async def work(tx: Write) -> None:
            if not await store.save(tx, kept, now, anew=anew):
                there = await store.find(tx, kept.id, kept.tenant)
                message = "oauth.client-there" if there and there.active else "oauth.client-withdrawn"
                raise ConflictError(Issue(code="conflict", message=message, params={"id": kept.id}))
            await self._parts.trail.within(tx, [event])
            await self._parts.epoch.bump(tx)

        await self._parts.db.transact(work)
        self._parts.epoch.forget()

    async def withdraw(self, id_: str, by: Visit | Caller) -> None:
        """Its tokens, refresh tokens, grants, codes and waiting requests are dead when this returns; elsewhere within half a
        second. Raises NotFoundError, RefusedByPolicyError, StepUpError.
        """
        caller = await self._parts.permitted(by, "clients.write", "withdraw", kind="client", about=("client", id_))
        now = self._parts.clock.now()

        async def work(tx: Write) -> None:
            if not await store.withdraw(tx, id_, self._parts.tenant, now):
                raise NotFoundError(Issue(code="not-found", message="oauth.client-unknown"))
            await self._parts.withdraw(tx, "client", id_)
            event = self._parts.event("withdraw", caller, kind="client", action="D", detail=(("client", id_),))
            await self._parts.trail.within(tx, [event])

        await self._parts.db.transact(work)
        self._parts.withdrawn("client", id_)

    async def withdraw_partner(self, organization: str, by: Visit | Caller) -> list[str]:
        """A partner leaves: all its clients and all its partner accounts, in one action. Ids of what was withdrawn.

        Raises NotFoundError when there is nothing of it, RefusedByPolicyError, StepUpError.
        """
        caller = await self._parts.permitted(
            by, "clients.write", "withdraw-partner", kind="client", about=("organization", organization)
        )
        parts, now = self._parts, self._parts.clock.now()

        async def work(tx: Write) -> tuple[list[str], list[str]]:
            ids = await store.of_organization(tx, organization, parts.tenant) if organization else []
            for id_ in ids:
                await store.withdraw(tx, id_, parts.tenant, now)
                await parts.tokens.withdraw(tx, "client", id_)
            accounts = await store.disable_partners(tx, organization, parts.tenant, now) if organization else []
            if not (ids or accounts):
                raise NotFoundError(Issue(code="not-found", message="oauth.partner-unknown"))
            await parts.epoch.bump(tx)
            about = (
                ("organization", organization),
                *(("client", id_) for id_ in ids),
                *(("account", id_) for id_ in accounts),
            )
            event = parts.event("withdraw-partner", caller, kind="client", action="D", detail=about)
            await parts.trail.within(tx, [event])
            return ids, accounts

        ids, accounts = await parts.db.transact(work)
        for id_ in ids:
            parts.tokens.withdrawn("client", id_)
        for id_ in accounts:
            parts.tokens.withdrawn("account", id_)
        parts.epoch.forget()
        return [*ids, *accounts]
