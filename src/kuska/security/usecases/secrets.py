"""Random values that are shown once and kept as their hash: session cookies, one-time links."""

from __future__ import annotations

import hashlib
import secrets

_LONGEST = 128


def new_secret() -> str:
    """256 bits, as text that can stand in a cookie or an address."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is kept. A plain hash is enough: nobody can try all of 2^256."""
    return hashlib.sha256(secret[:_LONGEST].encode("utf-8", "surrogatepass")).digest()
