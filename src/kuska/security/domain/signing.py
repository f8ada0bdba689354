"""Keys and signatures of tokens, by joserfc: which algorithm belongs to which key is never taken from the token."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, cast

from joserfc import jws, jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, KeySet, RSAKey, import_key, thumbprint

Algorithm = Literal["RS256", "ES384"]
ALGORITHMS: tuple[Algorithm, ...] = ("RS256", "ES384")
# Of clients' assertions: SMART names these two (https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html).
ASSERTION_ALGORITHMS = ("RS384", "ES384")
_LONGEST = 16_384
_SMALLEST_RSA = 2_048


class BadSignatureError(Exception):
    """The token is not what it says: whatever the reason."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str
    algorithm: Algorithm
    key: RSAKey | ECKey
    verifies: RSAKey | ECKey  # the public half alone: quicker to check with
    signs_from: datetime
    kept_until: datetime | None

    def kept(self, now: float) -> bool:
        return self.kept_until is None or self.kept_until.timestamp() > now

    def public(self) -> dict[str, Any]:
        return {**self.verifies.as_dict(private=False), "kid": self.kid, "alg": self.algorithm, "use": "sig"}


def generate(algorithm: Algorithm, bits: int) -> tuple[str, RSAKey | ECKey]:
    """A new key and its name: the thumbprint (RFC 7638), so that two keys never share one."""
    key: RSAKey | ECKey = RSAKey.generate_key(bits) if algorithm == "RS256" else ECKey.generate_key("P-384")
    return thumbprint(key.as_dict(private=False)), key


def dump(key: RSAKey | ECKey) -> bytes:
    return json.dumps(key.as_dict(private=True)).encode()


def load(text: str | bytes) -> RSAKey | ECKey:
    key = import_key(json.loads(text))
    if not isinstance(key, RSAKey | ECKey):
        raise TypeError(f"a signing key of the kind {key.key_type}")
    return key


def sign(claims: Mapping[str, Any], key: SigningKey, kind: str) -> str:
    header = {"alg": key.algorithm, "kid": key.kid, "typ": kind}
    return jwt.encode(header, dict(claims), key.key, [key.algorithm])


def verify(token: str | bytes, keys: Mapping[str, SigningKey], kind: str, now: float) -> dict[str, Any]:
    """Claims of a token that one of our keys signed, of this kind (`typ`), with that key's own algorithm.

    Raises:
        BadSignatureError: anything else.
    """
    if len(token) > _LONGEST:
        raise BadSignatureError("too long")
    found: list[SigningKey] = []

    def choose(guest: Any) -> RSAKey | ECKey:
        header: dict[str, Any] = guest.headers()
        key = keys.get(header["kid"]) if isinstance(header.get("kid"), str) else None
        if (
            key is None
            or not key.kept(now)
            or header.get("alg") != key.algorithm
            or str(header.get("typ", "")).lower() != kind
        ):
            raise BadSignatureError("key, algorithm or kind")
        found.append(key)
        return key.verifies

    try:
        claims = jwt.decode(token, choose, ALGORITHMS).claims
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as wrong:
        raise BadSignatureError(type(wrong).__name__) from wrong
    if not found:
        raise BadSignatureError("no key")
    return claims


def key_set(text: str | bytes) -> KeySet:
    """Public keys of a client, as it registered or serves them. What cannot be used for an assertion is left out.

    Raises:
        ValueError: not a key set, or nothing in it can be used; or it holds a private key.
    """
    tree = json.loads(text)
    members: Any = tree.get("keys") if isinstance(tree, dict) else None
    if not isinstance(members, list):
        raise ValueError("a key set is an object with a list 'keys'")  # noqa: TRY004 - it is a text that was sent to us
    usable: list[RSAKey | ECKey] = []
    for member in cast("list[Any]", members)[:32]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", SecurityWarning)  # too short
                key = import_key(member)
        except (JoseError, SecurityWarning, ValueError, TypeError, KeyError):
            continue
        if key.is_private:
            raise ValueError("a private key has no place in a key set")
        strong = isinstance(key, RSAKey) and key.raw_value.key_size >= _SMALLEST_RSA
        if strong or (isinstance(key, ECKey) and key.curve_name == "P-384"):
            usable.append(cast("RSAKey | ECKey", key))
    if not usable:
        raise ValueError("no RSA key of 2048 bits or more and no P-384 key")
    return KeySet(list(usable))


def assertion_kid(token: str) -> str:
    """Which key a client says it signed with; proves nothing."""
    kid = _unproved(token).headers().get("kid")
    if not isinstance(kid, str) or not kid:
        raise BadSignatureError("no kid")
    return kid


def assertion_issuer(token: str) -> str:
    """Whose a client says the assertion is; proves nothing."""
    try:
        said = json.loads(_unproved(token).payload or b"")
    except (ValueError, RecursionError) as wrong:
        raise BadSignatureError(type(wrong).__name__) from wrong
    issuer: Any = said.get("iss") if isinstance(said, dict) else None
    if not isinstance(issuer, str) or not issuer:
        raise BadSignatureError("no issuer")
    return issuer


def _unproved(token: str) -> jws.CompactSignature:
    if len(token) > _LONGEST:
        raise BadSignatureError("too long")
    try:
        return jws.extract_compact(token.encode())
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as wrong:
        raise BadSignatureError(type(wrong).__name__) from wrong


def verify_assertion(token: str, keys: KeySet) -> dict[str, Any]:
    """Claims of an assertion that one of the client's keys signed."""
    kid = assertion_kid(token)

    def choose(guest: Any) -> RSAKey | ECKey:
        algorithm = str(guest.headers().get("alg"))
        kind = {"RS384": RSAKey, "ES384": ECKey}.get(algorithm)
        if kind is None:
            raise BadSignatureError("algorithm")
        for key in keys.keys:
            if key.kid == kid and isinstance(key, kind):
                return key
        # A key that signed nothing: an unknown client takes as long to refuse as a known one.
        return _decoy(algorithm)

    try:
        return jwt.decode(token, choose, ASSERTION_ALGORITHMS).claims
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as wrong:
        raise BadSignatureError(type(wrong).__name__) from wrong


@cache
def _decoy(algorithm: str) -> RSAKey | ECKey:
    """The private half is thrown away."""
    key = RSAKey.generate_key(_SMALLEST_RSA) if algorithm == "RS384" else ECKey.generate_key("P-384")
    return load(json.dumps(key.as_dict(private=False)))
