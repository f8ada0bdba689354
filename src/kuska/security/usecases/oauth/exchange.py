"""The token endpoint: what a client may trade for tokens.

RFC 6749 sections 4.1.3, 4.4, 6; RFC 9700 (codes and refresh tokens work once); SMART App Launch 2.x and Backend Services.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from kuska.infra.postgres.connection import Write
from kuska.security.contracts import Caller
from kuska.security.domain import claims, signing
from kuska.security.domain.clients import Client
from kuska.security.domain.handles import digest, fresh, proves
from kuska.security.domain.protocol import ProtocolError, invalid_grant, invalid_request
from kuska.security.domain.scopes import ScopeError, Scopes, asked, covers, narrow, undecidable, within
from kuska.security.store import oauth_grants as store
from kuska.security.store.oauth_grants import Grant, Person
from kuska.security.usecases.oauth.parts import Parts, of_client, of_person

# A client that did not get its answer asks again at once. Within this time, and only for a client that has proved who
# it is, a used refresh token is refused without ending the grant.
_RETRY = timedelta(seconds=5)
_STYLE = "/oauth/smart-style.json"
Answer = dict[str, Any]


class _FallsError(Exception):
    """The grant must fall: something that works once was shown twice."""

    def __init__(self, grant: str, reason: str) -> None:
        super().__init__(reason)
        self.grant = grant
        self.reason = reason


class Exchange:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def token(self, client: Client, params: Mapping[str, str], address: str) -> Answer:
        """`client` has proved who it is.

        Raises:
            ProtocolError: refused, and noted in the trail.
        """
        ways = {
            "authorization_code": self._code,
            "refresh_token": self._refresh,
            "client_credentials": self._credentials,
        }
        kind = params.get("grant_type", "")
        caller = of_client(client, address)
        try:
            if not kind:
                raise invalid_request("grant-type")
            if kind not in ways:
                raise ProtocolError("unsupported_grant_type", "grant-type")
            if kind not in client.grants:
                raise ProtocolError("unauthorized_client", "grant-type")
            return await ways[kind](client, params, address)
        except _FallsError as broken:
            self._parts.refusals.count("grant")
            await self._fall(broken, caller)
            raise invalid_grant(broken.reason) from None
        except ProtocolError as refused:
            self._parts.refusals.count("grant")
            self._parts.trail.note(self._parts.event(kind[:40], caller, reason=f"security.{refused.reason}"))
            raise

    async def _code(self, client: Client, params: Mapping[str, str], address: str) -> Answer:
        code, now = params.get("code", ""), self._parts.clock.now()
        if not code:
            raise invalid_request("code")

        async def use(tx: Write) -> tuple[str, str, str, datetime] | None:
            row = await store.use_code(tx, digest(code), client.id, now)
            if row is not None:
                return row["grant"], row["redirect"], row["challenge"], row["expires"]
            known = await store.code(tx, digest(code))
            if known is not None and known["client"] == client.id:
                raise _FallsError(known["grant"], "security.code-reused")
            return None

        # Used from here on, whatever is wrong with the rest: a thief has one attempt.
        used = await self._parts.db.single(use)
        if used is None:
            raise invalid_grant("code-unknown")
        grant_id, redirect, challenge, expires = used
        if expires <= now:
            raise invalid_grant("code-expired")
        if params.get("redirect_uri", "") != redirect:
            raise invalid_grant("code-redirect")
        if not proves(params.get("code_verifier", ""), challenge):
            raise invalid_grant("code-verifier")

        async def work(tx: Write) -> Answer:
            standing = await self._standing(tx, grant_id)
            # Offline access begins in a session that still is one: consent given while a new password ended everything
            # must not come after the end.
            if not await store.session_lives(tx, standing[0].session, now):
                raise invalid_grant("session-ended")
            return await self._issue(tx, client, standing, "", address)

        return await self._parts.db.transact(work)

    async def _refresh(self, client: Client, params: Mapping[str, str], address: str) -> Answer:
        token, now = params.get("refresh_token", ""), self._parts.clock.now()
        if not token:
            raise invalid_request("refresh-token")

        async def work(tx: Write) -> Answer:
            # The exchange is one transaction: if it fails after this line, the token has not been used.
            row = await store.use_refresh(tx, digest(token), client.id, now)
            if row is None:
                await self._reused(tx, client, token, now)
                raise invalid_grant("refresh-unknown")
            if row["expires"] <= now:
                raise invalid_grant("refresh-expired")
            standing = await self._standing(tx, row["grant"])
            return await self._issue(tx, client, standing, params.get("scope", ""), address)

        return await self._parts.db.transact(work)

    async def _reused(self, tx: Write, client: Client, token: str, now: datetime) -> None:
        known = await store.refresh(tx, digest(token))
        if known is None or known["client"] != client.id:
            return
        used: datetime | None = known["used"]
        retried = used is not None and now - used <= _RETRY and client.kind != "public"
        if retried:
            raise invalid_grant("refresh-retried")
        raise _FallsError(known["grant"], "security.refresh-reused")

    async def _credentials(self, client: Client, params: Mapping[str, str], address: str) -> Answer:
        requested = _requested(params.get("scope", ""))
        allowed = narrow(requested.rules, client.scope.rules)
        granted = Scopes(tuple(rule for rule in allowed if rule.context == "system"))
        if not granted:
            raise ProtocolError("invalid_scope", "scope")
        self._require_decidable(granted)
        caller = replace(of_client(client, address), scopes=granted.rules)
        text, ticket = self._parts.tokens.issue(caller, granted)
        about = (("jti", ticket.jti), ("scope", str(granted)))
        await self._parts.trail.keep(self._parts.event("issued", caller, detail=about))
        return self._answer(text, granted)

    async def _issue(
        self, tx: Write, client: Client, standing: tuple[Grant, Person], narrower: str, address: str
    ) -> Answer:
        grant, person = standing
        # The client may have been allowed less since.
        scopes = within(_no_more(grant.scopes, narrower), client.scope)
        self._require_decidable(scopes)
        if not scopes:
            raise invalid_grant("scope-ended")
        caller = replace(
            of_person(person, client, address),
            session=grant.session,
            scopes=scopes.rules,
            patient=grant.patient or person.patient,
            authenticated=grant.authenticated,
            methods=grant.methods,
        )
        text, ticket = self._parts.tokens.issue(caller, scopes, grant=grant.id, encounter=grant.encounter)
        answer = self._answer(text, scopes) | self._launched(grant)
        if "openid" in scopes.features:
            answer["id_token"] = self._id_token(client, grant, caller, scopes)
        if "refresh_token" in client.grants and _lasting(grant.scopes):
            answer["refresh_token"] = await self._next_refresh(tx, grant)
        about = (("jti", ticket.jti), ("grant", grant.id), ("scope", str(scopes)))
        await self._parts.trail.within(tx, [self._parts.event("issued", caller, detail=about)])
        return answer

    def _require_decidable(self, scopes: Scopes) -> None:
        if undecidable(scopes.rules, self._parts.decidable):
            raise ProtocolError("invalid_scope", "scope-restriction")

    async def _standing(self, tx: Write, grant_id: str) -> tuple[Grant, Person]:
        """The grant and its person, as they are now: roles may be others than when it was granted."""
        now = self._parts.clock.now()
        grant = await store.grant(tx, grant_id)
        if grant is None or grant.revoked is not None or grant.expires <= now:
            raise invalid_grant("grant-ended")
        person = await store.person_held(tx, grant.account, self._parts.tenant)
        if person is None or not person.active:
            raise invalid_grant("account-ended")
        offline = "offline_access" in grant.scopes.features
        if not offline and not await store.session_lives(tx, grant.session, now):
            raise invalid_grant("session-ended")
        return grant, person

    async def _next_refresh(self, tx: Write, grant: Grant) -> str:
        now, token = self._parts.clock.now(), fresh()
        expires = min(now + self._parts.refresh_life, grant.expires)
        await store.add_refresh(tx, digest(token), grant.id, now, expires)
        return token

    async def _fall(self, broken: _FallsError, caller: Caller) -> None:
        """Whoever shows what was used already is a thief, or was robbed: nothing of this grant holds any more."""

        async def work(tx: Write) -> None:
            await store.end(tx, broken.grant, self._parts.clock.now())
            await store.disapprove(tx, broken.grant)
            await self._parts.withdraw(tx, "grant", broken.grant)
            detail = (("grant", broken.grant),)
            await self._parts.trail.within(
                tx, [self._parts.event("grant-ended", caller, reason=broken.reason, detail=detail)]
            )

        await self._parts.db.transact(work)
        self._parts.withdrawn("grant", broken.grant)

    def _answer(self, text: str, scopes: Scopes) -> Answer:
        return {
            "access_token": text,
            "token_type": "Bearer",
            "expires_in": int(self._parts.tokens.life.total_seconds()),
            "scope": str(scopes),
        }

    def _launched(self, grant: Grant) -> Answer:
        if not grant.patient:
            return {}
        context: Answer = {
            "patient": grant.patient,
            "need_patient_banner": grant.banner,
            "smart_style_url": self._parts.issuer + _STYLE,
        }
        return context | ({"encounter": grant.encounter} if grant.encounter else {})

    def _id_token(self, client: Client, grant: Grant, caller: Caller, scopes: Scopes) -> str:
        now = self._parts.clock.now()
        said: Answer = {
            "iss": self._parts.issuer,
            "sub": grant.account,
            "aud": client.id,
            "iat": int(now.timestamp()),
            "exp": int((now + self._parts.tokens.life).timestamp()),
            "auth_time": int(grant.authenticated.timestamp()),
            "amr": list(grant.methods),
            "sid": grant.session,
        }
        if grant.nonce:
            said["nonce"] = grant.nonce
        if {"fhirUser", "profile"} & set(scopes.features) and (user := claims.fhir_user(caller)):
            said["fhirUser"] = f"{self._parts.fhir_base}/{user}"
        return signing.sign(said, self._parts.tokens.keys.current(), "JWT")


def _requested(text: str) -> Scopes:
    try:
        return asked(text)
    except ScopeError as wrong:
        raise ProtocolError("invalid_scope", "scope") from wrong


def _no_more(granted: Scopes, text: str) -> Scopes:
    """A refresh may ask for less; for more it is refused (RFC 6749 section 6)."""
    if not text:
        return granted
    requested = _requested(text)
    more = [rule for rule in requested.rules if not any(covers(wider, rule) for wider in granted.rules)]
    if more or not set(requested.features) <= set(granted.features) or not requested:
        raise ProtocolError("invalid_scope", "scope-wider")
    return within(requested, granted)


def _lasting(scopes: Scopes) -> bool:
    return bool({"offline_access", "online_access"} & set(scopes.features))
