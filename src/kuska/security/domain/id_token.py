"""Checks of an ID token (OpenID Connect Core 3.1.3.7) and of a logout token (Back-Channel Logout 2.6). Pure.

https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

LEEWAY = 60  # seconds by which clocks may differ
OLDEST = 600  # seconds since an ID token was made: it was made for this very sign-in
_MAX_TOKEN = 50_000
_LOGOUT = "http://schemas.openid.net/event/backchannel-logout"


class RefusedTokenError(ValueError):
    """The text is a message key for the trail."""


class UnknownKeyError(RefusedTokenError):
    """Signed with a key that was not published when we last looked."""


def public_keys(document: Mapping[str, Any]) -> list[Key]:
    """What can verify signatures; keys of other kinds, and broken ones, are left out."""
    listed = document.get("keys")
    found: list[Key] = []
    for entry in listed if isinstance(listed, list) else []:
        if not isinstance(entry, dict):
            continue
        try:
            key = import_key(entry)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, RSAKey | ECKey | OKPKey) and entry.get("use", "sig") == "sig":
            found.append(key)
    return found


def id_token_claims(
    token: str,
    keys: Iterable[Key],
    algorithms: Iterable[str],
    *,
    issuer: str,
    client: str,
    nonce: str,
    access_token: str,
    now: datetime,
) -> dict[str, Any]:
    header, claims = _verified(token, keys, algorithms)
    moment = now.timestamp()
    _of(claims, issuer, client)
    if not _number(claims, "exp") > moment - LEEWAY:
        raise RefusedTokenError("external.expired")
    if not moment - OLDEST - LEEWAY < _number(claims, "iat") < moment + LEEWAY:
        raise RefusedTokenError("external.not-now")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode("utf-8", "replace"), nonce.encode()):
        raise RefusedTokenError("external.wrong-nonce")
    if "at_hash" in claims and claims["at_hash"] != half_hash(header["alg"], access_token):
        raise RefusedTokenError("external.wrong-access-token")
    return claims


def logout_token_claims(
    token: str, keys: Iterable[Key], algorithms: Iterable[str], *, issuer: str, client: str, now: datetime
) -> dict[str, Any]:
    header, claims = _verified(token, keys, algorithms)
    _of(claims, issuer, client)
    moment = now.timestamp()
    events = claims.get("events")
    if (
        header.get("typ", "logout+jwt").lower() not in {"logout+jwt", "jwt"}
        or not isinstance(events, dict)
        or _LOGOUT not in events
        or "nonce" in claims
        or not isinstance(claims.get("jti"), str)
        or not moment - OLDEST < _number(claims, "iat") < moment + LEEWAY
    ):
        raise RefusedTokenError("external.no-logout")
    return claims


def half_hash(algorithm: str, text: str) -> str:
    size = "512" if algorithm == "Ed25519" else algorithm[-3:]
    digest = hashlib.new(f"sha{size}", text.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _verified(token: str, keys: Iterable[Key], algorithms: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    allowed = list(algorithms)
    try:
        if len(token) > _MAX_TOKEN:
            raise RefusedTokenError("external.malformed")
        header: dict[str, Any] = dict(jws.extract_compact(token.encode()).headers())
    except (JoseError, ValueError, TypeError) as error:
        raise RefusedTokenError("external.malformed") from error
    if header.get("alg") not in allowed:
        raise RefusedTokenError("external.algorithm")
    kid = header.get("kid")
    candidates = [key for key in keys if kid is None or key.kid == kid]
    if not candidates:
        raise UnknownKeyError("external.unknown-key")
    for key in candidates:
        try:
            claims = jwt.decode(token, key, algorithms=allowed).claims
        except (JoseError, ValueError, TypeError):
            continue
        return header, claims
    raise RefusedTokenError("external.signature")


def _of(claims: Mapping[str, Any], issuer: str, client: str) -> None:
    """From this provider, for us and nobody else."""
    audience = claims.get("aud")
    if claims.get("iss") != issuer:
        raise RefusedTokenError("external.wrong-issuer")
    if audience not in (client, [client]):
        raise RefusedTokenError("external.wrong-audience")
    if claims.get("azp", client) != client:
        raise RefusedTokenError("external.wrong-audience")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise RefusedTokenError("external.malformed")


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RefusedTokenError("external.malformed")
    return float(value)
