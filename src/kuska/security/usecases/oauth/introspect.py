"""What a token is worth, for a client that may know (RFC 7662), and who a person is, for the holder of their token."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kuska.security.contracts import ANONYMOUS
from kuska.security.domain.claims import Ticket
from kuska.security.domain.clients import Client
from kuska.security.domain.handles import digest
from kuska.security.errors import NobodyError, RefusedByPolicyError
from kuska.security.store import oauth_grants as store
from kuska.security.usecases.oauth.parts import Parts, of_client

_INACTIVE: dict[str, Any] = {"active": False}


class Introspection:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def introspect(self, client: Client, token: str, address: str) -> dict[str, Any]:
        """A client sees its own tokens; a resource server (`introspects`) those of all. Anything else is inactive."""
        try:
            ticket = self._parts.tokens.ticket(token)
        except NobodyError:
            answer = await self._refresh(client, token)
        else:
            allowed = client.introspects or ticket.caller.client == client.id
            answer = self._access(ticket) if allowed else _INACTIVE
        detail = (("active", str(answer["active"]).lower()), ("jti", str(answer.get("jti", ""))))
        self._parts.trail.note(self._parts.event("introspected", of_client(client, address), detail=detail))
        return answer

    def _access(self, ticket: Ticket) -> dict[str, Any]:
        caller = ticket.caller
        answer: dict[str, Any] = {
            "active": True,
            "iss": self._parts.issuer,
            "aud": self._parts.fhir_base,
            "sub": caller.account,
            "client_id": caller.client,
            "token_type": "Bearer",
            "scope": str(ticket.scopes),
            "jti": ticket.jti,
            "iat": int(ticket.issued.timestamp()),
            "exp": int(ticket.expires.timestamp()),
        }
        if caller.patient and ticket.grant:
            answer["patient"] = caller.patient
        if ticket.encounter:
            answer["encounter"] = ticket.encounter
        if ticket.fhir_user and "fhirUser" in ticket.scopes.features:
            answer["fhirUser"] = f"{self._parts.fhir_base}/{ticket.fhir_user}"
        return answer

    async def _refresh(self, client: Client, token: str) -> dict[str, Any]:
        now = self._parts.clock.now()
        async with self._parts.db.read() as conn:
            known = await store.refresh(conn, digest(token))
            grant = await store.grant(conn, known["grant"]) if known else None
        if known is None or grant is None or known["used"] is not None or known["expires"] <= now:
            return _INACTIVE
        if grant.revoked is not None or grant.expires <= now or known["client"] != client.id:
            return _INACTIVE
        expires = int(known["expires"].timestamp())
        return {
            "active": True,
            "client_id": client.id,
            "scope": str(grant.scopes),
            "sub": grant.account,
            "exp": expires,
        }

    async def userinfo(self, token: str, address: str) -> dict[str, Any]:
        """OpenID Connect Core section 5.3. `token`: '' = none was shown.

        Raises:
            NobodyError: the token opens nothing.
            ThrottledError: from an address that failed too often.
            RefusedByPolicyError: it was not issued for this.
        """
        try:
            if not token:
                raise NobodyError
            ticket = self._parts.tokens.ticket(token)
        except NobodyError as refused:
            stranger = replace(ANONYMOUS, address=address)
            self._parts.refusals.missed("token", self._parts.event("userinfo", stranger, reason=refused.reason))
            raise
        self._parts.limits.asked(ticket.caller)
        features = ticket.scopes.features
        if "openid" not in features:
            raise RefusedByPolicyError("security.scope")
        answer: dict[str, Any] = {"sub": ticket.subject}
        if {"fhirUser", "profile"} & set(features) and ticket.fhir_user:
            answer["fhirUser"] = f"{self._parts.fhir_base}/{ticket.fhir_user}"
        if "profile" in features:
            async with self._parts.db.read() as conn:
                person = await store.person(conn, ticket.subject, self._parts.tenant)
            if person is None or not person.active:
                raise NobodyError("security.account-ended")
            answer["name"] = person.display_name
        return answer
