"""A client proves who it is: a secret (RFC 6749 section 2.3.1) or a signed assertion (RFC 7523, SMART Backend Services).

Every refusal is the same answer after the same work: whether a client exists does not show.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import unquote_plus

from joserfc.jwk import KeySet

from kuska.infra.postgres.connection import Write
from kuska.security.contracts import Caller
from kuska.security.domain import signing
from kuska.security.domain.clients import Client
from kuska.security.domain.handles import digest, matches
from kuska.security.domain.protocol import InvalidClientError
from kuska.security.domain.signing import BadSignatureError
from kuska.security.store import oauth_clients
from kuska.security.usecases.oauth.parts import Parts, of_client
from kuska.security.usecases.oauth.served_keys import ServedKeys, UnreachableKeysError

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST_LIFE = 300  # seconds of an assertion
_SKEW = 30
_NO_KEYS = KeySet([])  # of a client that does not exist: its assertion is checked all the same, with a key of ours

Method = Literal["basic", "post", "assertion", "none"]


@dataclass(frozen=True, slots=True)
class _Shown:
    method: Method
    client: str
    proof: str = ""


class ClientDoor:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._served = ServedKeys(parts.clock, parts.fetch)

    async def enter(self, params: Mapping[str, str], authorization: str, address: str) -> Client:
        """The client that sent this.

        Raises:
            InvalidClientError: it is not who it says, or may not show it in this way.
            ThrottledError: neither, and from an address that failed too often; or it asks too much.
        """
        try:
            shown = _shown(params, authorization)
            if shown.method == "assertion":
                # A signature, perhaps by keys that have to be fetched, is dear to check.
                self._parts.limits.knocked(address)
            client = await self._parts.client(shown.client)
            await self._prove(client, shown)
        except InvalidClientError as refused:
            claimed = params.get("client_id", "") or refused.client
            caller = Caller(kind="anonymous", client=claimed[:100], address=address)
            event = self._parts.event("client-login", caller, reason=refused.reason)
            self._parts.refusals.missed("client", event)
            raise
        self._parts.limits.asked(of_client(client, address))
        return client

    async def _prove(self, client: Client, shown: _Shown) -> None:
        if shown.method == "assertion":
            await self._prove_by_key(client, shown.proof)
            return
        right = matches(shown.proof, client.secret)
        if shown.method == "none":
            right = client.kind == "public"
        elif client.kind != "confidential-secret":
            right = False
        if not (right and client.active):
            raise InvalidClientError("security.client-secret", shown.client)

    async def _prove_by_key(self, client: Client, assertion: str) -> None:
        keys = await self._keys(client, assertion)
        try:
            said = signing.verify_assertion(assertion, keys)
        except BadSignatureError as wrong:
            raise InvalidClientError("security.assertion-signature", client.id) from wrong
        if client.kind != "private-key-jwt" or not client.active:
            raise InvalidClientError("security.client-unknown", client.id)
        jti, expires = _checked(said, client.id, self._parts)

        async def see(tx: Write) -> bool:
            return await oauth_clients.see_assertion(tx, client.id, digest(jti), expires)

        if not await self._parts.db.single(see):
            raise InvalidClientError("security.assertion-replayed", client.id)

    async def _keys(self, client: Client, assertion: str) -> KeySet:
        if client.jwks:
            return signing.key_set(client.jwks)
        if not client.jwks_uri or not client.active:
            return _NO_KEYS
        try:
            return await self._served.of(client.jwks_uri, signing.assertion_kid(assertion))
        except BadSignatureError as wrong:
            raise InvalidClientError("security.assertion-unreadable", client.id) from wrong
        except UnreachableKeysError as gone:
            raise InvalidClientError("security.client-keys-unreachable", client.id) from gone


def _shown(params: Mapping[str, str], authorization: str) -> _Shown:
    """Exactly one way (RFC 6749 section 2.3)."""
    ways: list[_Shown] = []
    named = params.get("client_id", "")
    if authorization:
        ways.append(_basic(authorization))
    if "client_assertion" in params or "client_assertion_type" in params:
        if params.get("client_assertion_type") != ASSERTION:
            raise InvalidClientError("security.assertion-type", named)
        assertion = params.get("client_assertion", "")
        ways.append(_Shown("assertion", _claimed(assertion), assertion))
    if "client_secret" in params:
        ways.append(_Shown("post", named, params["client_secret"]))
    if not ways:
        ways.append(_Shown("none", named))
    if len(ways) > 1 or not ways[0].client or (named and named != ways[0].client):
        raise InvalidClientError("security.client-ways", named)
    return ways[0]


def _basic(authorization: str) -> _Shown:
    scheme, _, text = authorization.partition(" ")
    try:
        name, colon, secret = base64.b64decode(text.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as wrong:
        raise InvalidClientError("security.client-ways") from wrong
    if scheme.lower() != "basic" or not colon:
        raise InvalidClientError("security.client-ways")
    return _Shown("basic", unquote_plus(name), unquote_plus(secret))


def _claimed(assertion: str) -> str:
    """Whose assertion it says to be: read before it is believed, to know with which keys to check it."""
    try:
        return signing.assertion_issuer(assertion)
    except BadSignatureError as wrong:
        raise InvalidClientError("security.assertion-unreadable") from wrong


def _checked(said: Mapping[str, Any], client: str, parts: Parts) -> tuple[str, datetime]:
    now = parts.clock.now().timestamp()
    audience: Any = said.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    expires: Any = said.get("exp")
    jti: Any = said.get("jti")
    begins: Any = said.get("nbf", said.get("iat", 0))
    if said.get("iss") != client or said.get("sub") != client:
        raise InvalidClientError("security.assertion-subject", client)
    # One audience only: an assertion made for several could be shown by one of them to the others.
    if len(audiences) != 1 or audiences[0] not in (f"{parts.issuer}/oauth/token", parts.issuer):
        raise InvalidClientError("security.assertion-audience", client)
    if not _moment(expires) or not now < expires <= now + _LONGEST_LIFE + _SKEW:
        raise InvalidClientError("security.assertion-expired", client)
    if not _moment(begins) or begins > now + _SKEW:
        raise InvalidClientError("security.assertion-early", client)
    if not isinstance(jti, str) or not 1 <= len(jti) <= 500:
        raise InvalidClientError("security.assertion-jti", client)
    return jti, datetime.fromtimestamp(expires, UTC)


def _moment(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e11
