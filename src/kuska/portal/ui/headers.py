"""What a browser is told about every answer of the site, page or not (OWASP Secure Headers, ASVS 5 V3.4).

A page brings its own Content-Security-Policy with a fresh nonce; whatever else goes out gets one that allows nothing.
The wrapper sits around the whole site, so that a new route cannot be without.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from starlette.responses import Response

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_NOTHING = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_PERMISSIONS = (
    b"camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), midi=(), "
    b"display-capture=(), publickey-credentials-get=(self), publickey-credentials-create=(self)"
)
_ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    # 'same-origin', not 'no-referrer': with that, Chromium sends "Origin: null" with our own forms.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", _PERMISSIONS),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", _NOTHING),
)
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


def page_policy(nonce: str, form_targets: Sequence[str] = ()) -> str:
    """`form_targets`: origins that an answer to a form of this page may lead to. Chromium holds redirects to it too."""
    targets = " ".join(["'self'", *form_targets])
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
        f"form-action {targets}; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    )


def dress(response: Response, *, secure: bool) -> None:
    """For an answer that does not pass the wrapper below."""
    for name, value in (*_ALWAYS, _HSTS) if secure else _ALWAYS:
        response.headers.setdefault(name.decode(), value.decode())


class Hardened:
    """`secure`: people reach this site by https."""

    def __init__(self, site: AsgiApp, *, secure: bool) -> None:
        self._site = site
        self._headers = (*_ALWAYS, _HSTS) if secure else _ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                given: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(each for each in self._headers if each[0] not in names)]
            await send(message)

        await self._site(scope, receive, hardened)
