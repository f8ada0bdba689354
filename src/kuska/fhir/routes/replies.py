"""From answers and errors to what goes over the wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kuska.fhir.domain.call import Call, MethodNotAllowedError
from kuska.fhir.domain.http import etag, http_date
from kuska.fhir.domain.outcome import issues_of, outcome, status_of
from kuska.fhir.usecases.answers import GoneError
from kuska.fhir.usecases.record import Answer
from kuska.infra.web.annex import Passed
from kuska.kit.errors import Issue, KuskaError
from kuska.kit.json import encode

Send = Callable[[Any], Awaitable[None]]
Header = tuple[bytes, bytes]

CONTENT_TYPE: Header = (b"content-type", b"application/fhir+json; charset=utf-8")
# Clinical data is nobody's to keep between client and server, nor a browser's on its disk.
CACHE: Header = (b"cache-control", b"no-store")
NO_SNIFF: Header = (b"x-content-type-options", b"nosniff")
# For a browser in which somebody opens an address of the record: nothing runs, nothing frames it, nobody hears of it.
_ALWAYS: tuple[Header, ...] = (
    CACHE,
    NO_SNIFF,
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
_BY_TLS: tuple[Header, ...] = (*_ALWAYS, (b"strict-transport-security", b"max-age=31536000; includeSubDomains"))
# For applications in browsers, which call from their own origin with a Bearer token. No cookie counts here, so any origin
# may read what it is given; a browser sends none either, because credentials are not allowed.
_SHARED: tuple[Header, ...] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Location, Last-Modified, Retry-After, WWW-Authenticate, X-Request-Id"),
)
_SENDABLE = (
    b"Authorization, Content-Type, Accept, Accept-Language, Prefer, If-Match, If-None-Match, If-None-Exist, "
    b"If-Modified-Since, X-Request-Id, X-Purpose-Of-Use"
)
_PREFLIGHT: tuple[Header, ...] = (
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
    (b"access-control-allow-headers", _SENDABLE),
    (b"access-control-max-age", b"3600"),
)
_CHUNK = 256 * 1024


@dataclass(slots=True)
class Reply:
    status: int
    body: bytes = b""
    headers: list[Header] = field(default_factory=list[Header])
    closes: bool = False  # the rest of the request is not read: the connection ends with this reply


def reply_to(call: Call, answer: Answer) -> Reply:
    headers: list[Header] = []
    if answer.version:
        headers.append((b"etag", etag(answer.version).encode()))
    if answer.updated is not None:
        headers.append((b"last-modified", http_date(answer.updated).encode()))
    if answer.location:
        headers.append((b"location", f"{call.base}/{answer.location}".encode()))
    body = answer.body
    prefer = call.prefer
    if prefer.returns_asked and answer.location:
        if prefer.returns == "minimal":
            body = b""
        elif prefer.returns == "OperationOutcome":
            body = _told(answer.issues, call.lang)
    elif prefer.returns_asked and prefer.returns == "OperationOutcome" and answer.status == 204:
        return Reply(200, _told((), call.lang), headers)
    return Reply(answer.status, body, headers)


def _told(issues: Sequence[Issue], lang: str) -> bytes:
    done = Issue(severity="information", code="informational", message="interaction.done")
    return encode(outcome(issues or (done,), lang))


def refusal(error: KuskaError, lang: str) -> Reply:
    status = status_of(error)
    headers: list[Header] = []
    if isinstance(error, MethodNotAllowedError):
        headers.append((b"allow", error.allowed.encode()))
    if isinstance(error, GoneError):
        headers.append((b"etag", etag(error.version).encode()))
        headers.append((b"last-modified", http_date(error.updated).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="kuska"'))
    if status in (429, 503):
        headers.append((b"retry-after", str(getattr(error, "retry_after", 2)).encode()))
    return Reply(status, encode(outcome(issues_of(error), lang)), headers, closes=status in (408, 413))


def preflight() -> Reply:
    """What a browser asks before a page of another origin may ask: the same for every path, so that it tells nothing."""
    return Reply(204, headers=list(_PREFLIGHT))


def pretty(body: bytes) -> bytes:
    return msgspec.json.format(body, indent=2)


async def send(reply: Reply, request_id: bytes, send: Send, *, head: bool, secure: bool, shared: bool) -> None:
    """`secure`: the client came by https. `shared`: a page of another origin may read it."""
    body = reply.body
    headers = reply.headers
    if body:
        headers.append(CONTENT_TYPE)
    if reply.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(body)))
    headers += _BY_TLS if secure else _ALWAYS
    if shared:
        headers += _SHARED
    headers.append((b"x-request-id", request_id))
    if reply.closes:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await _in_pieces(b"" if head else body, send)


async def pass_on(passed: Passed, send: Send) -> None:
    """What the annex answered, its headers with it."""
    await send({"type": "http.response.start", "status": passed.status, "headers": passed.headers})
    await _in_pieces(passed.body, send)


async def _in_pieces(body: bytes | bytearray, send: Send) -> None:
    if len(body) <= _CHUNK:
        await send({"type": "http.response.body", "body": bytes(body)})
        return
    # In pieces, each waiting until the one before has left: the server cuts off a client that does not read.
    view = memoryview(body)
    for start in range(0, len(body), _CHUNK):
        piece = bytes(view[start : start + _CHUNK])
        await send({"type": "http.response.body", "body": piece, "more_body": start + _CHUNK < len(body)})
