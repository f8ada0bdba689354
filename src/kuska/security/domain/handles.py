"""Random values that open something, and the hashes that are kept of them.

256 random bits cannot be guessed, so one SHA-256 is enough: a slow hash is for what people choose.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
# Of a client that does not exist: compared with like any other, and never equal.
IMPOSSIBLE = b"\0" * 32


def fresh() -> str:
    return secrets.token_urlsafe(32)


def digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()


def matches(value: str, kept: bytes) -> bool:
    """In the same time whatever the value is."""
    return hmac.compare_digest(digest(value), kept if len(kept) == len(IMPOSSIBLE) else IMPOSSIBLE)


def proves(verifier: str, challenge: str) -> bool:
    """PKCE with S256 (RFC 7636 section 4.6); there is no other method here."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(made, challenge)
