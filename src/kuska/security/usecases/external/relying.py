"""Our side of OpenID Connect with one provider: what it publishes, the way to it, and the token that comes back.

https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth, with PKCE (RFC 7636) and `iss` (RFC 9207).
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from kuska.infra.http.outgoing import Answer, Outgoing
from kuska.kit.clock import Clock
from kuska.kit.errors import KuskaError
from kuska.kit.json import decode
from kuska.security.domain.external import Provider
from kuska.security.domain.id_token import UnknownKeyError, id_token_claims, logout_token_claims, public_keys
from kuska.security.store.external import Attempt
from kuska.security.usecases.external.errors import ExternalError, ProviderDownError

_DOCUMENT_LASTS = timedelta(hours=1)
_KEYS_LAST = timedelta(hours=1)
# A token with an unknown key makes us look again, but not more often than this, whoever sends such tokens.
_LOOK_AGAIN = timedelta(seconds=60)
_ASSERTION = timedelta(seconds=60)
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_KINDS = {"RSA": "RS256", "OKP": "Ed25519"}


@dataclass(slots=True)
class _Kept:
    value: Any
    since: datetime


class Relying:
    def __init__(self, provider: Provider, http: Outgoing, clock: Clock, redirect: str) -> None:
        self.provider = provider
        self._http = http
        self._clock = clock
        self._redirect = redirect
        self._document: _Kept | None = None
        self._keys: _Kept | None = None

    async def way(self, state: str, attempt: Attempt) -> str:
        """Where the browser is sent."""
        document = await self._published()
        challenge = urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self._redirect,
            "scope": " ".join(self.provider.scopes),
            "state": state,
            "nonce": attempt.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        # Who links an account shows that it is theirs now, not that a browser was left signed in.
        if attempt.account:
            query["prompt"] = "login"
        address: str = document["authorization_endpoint"]
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"

    async def way_out(self, back: str) -> str:
        """Where the browser is sent to end the session at the provider too; '' where it offers none."""
        address = (await self._published()).get("end_session_endpoint")
        if not isinstance(address, str) or not _is_page(address, self.provider.issuer):
            return ""
        query = urlencode({"client_id": self.provider.client_id, "post_logout_redirect_uri": back})
        return f"{address}{'&' if '?' in address else '?'}{query}"

    async def claims(self, code: str, issuer: str | None, attempt: Attempt) -> dict[str, Any]:
        """What the provider says, all of it checked. Raises RefusedTokenError, ExternalError, ProviderDownError."""
        document = await self._published()
        # The answer of another provider, which somebody mixed in.
        if issuer != self.provider.issuer and (
            issuer is not None or document.get("authorization_response_iss_parameter_supported") is True
        ):
            raise ExternalError("external.wrong-issuer")
        token = await self._exchanged(document, code, attempt.verifier)
        id_token, access = token.get("id_token"), token.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access, str):
            raise ExternalError("external.malformed")
        found = await self._with_keys(id_token, attempt.nonce, access)
        if self.provider.userinfo:
            more = await self._userinfo(document, access)
            if more.get("sub") != found["sub"]:
                raise ExternalError("external.other-subject")
            found = {**more, **found}
        return found

    async def logout_claims(self, token: str) -> dict[str, Any]:
        for again in (False, True):
            try:
                return logout_token_claims(
                    token,
                    await self._published_keys(again=again),
                    self.provider.algorithms,
                    issuer=self.provider.issuer,
                    client=self.provider.client_id,
                    now=self._clock.now(),
                )
            except UnknownKeyError:
                if again:
                    raise
        raise AssertionError

    async def _with_keys(self, token: str, nonce: str, access: str) -> dict[str, Any]:
        for again in (False, True):
            try:
                return id_token_claims(
                    token,
                    await self._published_keys(again=again),
                    self.provider.algorithms,
                    issuer=self.provider.issuer,
                    client=self.provider.client_id,
                    nonce=nonce,
                    access_token=access,
                    now=self._clock.now(),
                )
            except UnknownKeyError:
                if again:
                    raise
        raise AssertionError

    async def _exchanged(self, document: Mapping[str, Any], code: str, verifier: str) -> dict[str, Any]:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": verifier,
        }
        proof, headers = self._proof(document)
        answer = await self._asked(lambda: self._http.post_form(document["token_endpoint"], fields | proof, headers))
        if answer.status == 200:
            return self._object(answer)
        if answer.status in {400, 401, 403}:
            raise ExternalError("external.code-refused")
        raise ProviderDownError(self.provider.title, f"token endpoint: {answer.status}")

    def _proof(self, document: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """(fields, headers) that prove to the provider who we are. Files are read anew: a secret may be exchanged."""
        provider = self.provider
        if provider.private_key_file:
            assertion = self._assertion(document, Path(provider.private_key_file).read_bytes())
            kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            return {"client_id": provider.client_id, "client_assertion_type": kind, "client_assertion": assertion}, {}
        if not provider.client_secret_file:
            return {"client_id": provider.client_id}, {}
        secret = Path(provider.client_secret_file).read_text("utf-8").strip()
        ways = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if isinstance(ways, list) and "client_secret_basic" not in ways and "client_secret_post" in ways:
            return {"client_id": provider.client_id, "client_secret": secret}, {}
        pair = f"{quote_plus(provider.client_id)}:{quote_plus(secret)}"
        return {}, {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    def _assertion(self, document: Mapping[str, Any], pem: bytes) -> str:
        key = _private(pem)
        now = self._clock.now()
        algorithm = _CURVES[key.curve_name] if isinstance(key, ECKey) else _KINDS[key.key_type]
        claims = {
            "iss": self.provider.client_id,
            "sub": self.provider.client_id,
            "aud": document["token_endpoint"],
            "jti": secrets.token_urlsafe(16),
            "iat": int(now.timestamp()),
            "exp": int((now + _ASSERTION).timestamp()),
        }
        return jwt.encode({"alg": algorithm, "kid": key.thumbprint()}, claims, key, algorithms=[algorithm])

    async def _userinfo(self, document: Mapping[str, Any], access: str) -> dict[str, Any]:
        address = document.get("userinfo_endpoint")
        if not isinstance(address, str):
            raise ProviderDownError(self.provider.title, "no userinfo endpoint")
        answer = await self._asked(lambda: self._http.get(address, {"authorization": f"Bearer {access}"}))
        if answer.status != 200:
            raise ProviderDownError(self.provider.title, f"userinfo: {answer.status}")
        return self._object(answer)

    async def _published(self) -> dict[str, Any]:
        """The discovery document. https://openid.net/specs/openid-connect-discovery-1_0.html"""
        kept, now = self._document, self._clock.now()
        if kept is None or now - kept.since > _DOCUMENT_LASTS:
            address = f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration"
            answer = await self._asked(lambda: self._http.get(address))
            document = self._object(answer) if answer.status == 200 else {}
            needed = [document.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
            if document.get("issuer") != self.provider.issuer or not all(isinstance(each, str) for each in needed):
                raise ProviderDownError(self.provider.title, "no discovery document of this issuer")
            if not _is_page(document["authorization_endpoint"], self.provider.issuer):
                raise ProviderDownError(self.provider.title, "its authorization endpoint is not encrypted")
            kept = self._document = _Kept(document, now)
        return kept.value

    async def _published_keys(self, *, again: bool) -> list[Key]:
        kept, now = self._keys, self._clock.now()
        if kept is None or now - kept.since > (_LOOK_AGAIN if again else _KEYS_LAST):
            document = await self._published()
            answer = await self._asked(lambda: self._http.get(document["jwks_uri"]))
            if answer.status != 200:
                raise ProviderDownError(self.provider.title, f"keys: {answer.status}")
            kept = self._keys = _Kept(public_keys(self._object(answer)), now)
        return kept.value

    async def _asked(self, call: Any) -> Answer:
        try:
            return await call()
        except KuskaError as error:
            raise ProviderDownError(self.provider.title, error.issues[0].message) from error

    def _object(self, answer: Answer) -> dict[str, Any]:
        try:
            return decode(answer.body)
        except KuskaError as error:
            raise ProviderDownError(self.provider.title, "no JSON") from error


def _private(pem: bytes) -> RSAKey | ECKey | OKPKey:
    for kind in ("RSA", "EC", "OKP"):
        try:
            key = import_key(pem, kind)
        except (JoseError, ValueError, TypeError):
            continue
        if key.is_private:
            return key
    raise ValueError("no private key")


def _is_page(address: str, issuer: str) -> bool:
    """A browser may be sent there: encrypted, unless the operator's own issuer is not."""
    return urlsplit(address).scheme in {"https", urlsplit(issuer).scheme}
