"""A form is taken only when our own page sent it: its token belongs to the cookie, and the browser says "same origin".

The token is derived from the cookie's value, which is random, unknown to other sites and to scripts (HttpOnly), and
new with every session; before sign-in from the entry cookie, so that nobody is signed in to somebody else's account
unawares (login CSRF). Both proofs are needed: the token, and Sec-Fetch-Site or, from older browsers, Origin.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers

FIELD = "token"


def fresh() -> str:
    return secrets.token_urlsafe(32)


def token(cookie: str) -> str:
    return hmac.new(cookie.encode(), b"kuska form", hashlib.sha256).hexdigest()


def good(cookie: str, given: str) -> bool:
    return bool(cookie) and hmac.compare_digest(token(cookie).encode(), given.encode())


def from_own_page(headers: Headers) -> bool:
    """Every browser of the last years sends one of the two with a form; what sends neither is no browser."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is not None and bool(host := headers.get("host")) and urlsplit(origin).netloc == host.lower()
