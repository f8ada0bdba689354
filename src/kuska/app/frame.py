"""The outermost ASGI application: sends each request to its place, counts it, and lets no error out unanswered.

`/fhir` goes to the record's own application, everything else to the site (FastAPI). Nothing that could be clinical is
logged: a request appears as method, route and status, without ids and query.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from kuska.infra.telemetry.logs import logger
from kuska.infra.telemetry.metrics import HttpMetrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

FHIR = "/fhir"
# Lies under the record's base by its standard (SMART App Launch), and is about signing in.
_OF_THE_SITE = frozenset({f"{FHIR}/.well-known/smart-configuration"})
_LOOPBACK_NAMES = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})
# Set by an application that knows better than the path what was asked, e.g. 'search-type'.
ROUTE = "kuska.route"


class Frame:
    def __init__(
        self, *, fhir: AsgiApp, site: AsgiApp, metrics: HttpMetrics, slow_seconds: float, loopback_only: bool
    ) -> None:
        self.fhir = fhir
        self._site = site
        self._metrics = metrics
        self._slow = slow_seconds
        self._loopback_only = loopback_only
        self._log = logger("http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        path: str = scope["path"]
        of_fhir = path.startswith(FHIR) and (len(path) == len(FHIR) or path[len(FHIR)] == "/")
        of_fhir = of_fhir and path not in _OF_THE_SITE
        if self._loopback_only and not _from_loopback(scope):
            await _refuse(send)
            return
        status = 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begun = time.perf_counter()
        self._metrics.running.inc()
        try:
            if not of_fhir and _has_nul(scope):
                await _answer(observed, 400, b'{"error":"the character NUL (%00) cannot be in an address"}')
            else:
                await (self.fhir if of_fhir else self._site)(scope, receive, observed)
        except Exception:  # noqa: BLE001 - the border: whatever it is, the client gets an answer
            # Logged once, here; an answer that has begun and does not end is cut off by the server.
            self._log.exception("unexpected", method=scope["method"], route=_route(scope, of_fhir))
            if not status:
                status = 500
                await _answer(send, 500, b'{"error":"unexpected"}')
        finally:
            seconds = time.perf_counter() - begun
            self._metrics.running.dec()
            self._metrics.answered(_route(scope, of_fhir), scope["method"], status, seconds)
            if seconds >= self._slow:
                self._log.info(
                    "request",
                    method=scope["method"],
                    route=_route(scope, of_fhir),
                    status=status,
                    seconds=round(seconds, 3),
                )


def _from_loopback(scope: Scope) -> bool:
    """The name the client believes to speak to: a page of another site that had its name pointed here says its own."""
    for name, value in scope["headers"]:
        if name == b"host":
            host, colon, port = value.rpartition(b":")
            return (host if colon and port.isdigit() else value).lower() in _LOOPBACK_NAMES
    return True


def _has_nul(scope: Scope) -> bool:
    """No text of the database has one: whoever sends it means harm, and no page has to think of it. The record refuses it
    by itself, with its line in the trail; so do those who read forms.
    """
    return "\0" in scope["path"] or b"%00" in scope["query_string"]


def _route(scope: Scope, of_fhir: bool) -> str:
    known = scope.get(ROUTE)
    if known is not None:
        return str(known)
    if not of_fhir:
        return "other"  # nothing that exists
    parts = [part for part in scope["path"][len(FHIR) :].split("/") if part]
    if parts and parts[-1].startswith(("$", "_")):
        return f"fhir {('system', 'type', 'instance')[min(len(parts) - 1, 2)]} operation"
    return f"fhir {('system', 'type', 'instance', 'history', 'version')[min(len(parts), 4)]}"


async def _refuse(send: Send) -> None:
    await _answer(send, 421, b'{"error":"security is off: only requests to localhost are answered"}')


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
