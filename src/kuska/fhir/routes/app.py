"""The ASGI application of the FHIR base: HTTP in, one use case, HTTP out."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from os import urandom
from traceback import extract_tb
from typing import Any

from kuska.fhir.domain import call as calls
from kuska.fhir.domain.bundle import json_patch
from kuska.fhir.domain.call import Call
from kuska.fhir.domain.http import empty_condition, parse_http_date, parse_if_match, prefer
from kuska.fhir.domain.query import pairs
from kuska.fhir.routes import replies
from kuska.fhir.routes.body import Bodies, DisconnectedError, Receive, refuse_large, refuse_large_entries
from kuska.fhir.routes.door import Door, OpenDoor
from kuska.fhir.routes.negotiation import FORM, JSON_PATCH, JSON_TYPES, check_accept, content_type
from kuska.fhir.routes.replies import Reply, Send
from kuska.fhir.usecases import audit_events, bundle, capabilities
from kuska.fhir.usecases.audit_events import TYPE as AUDIT_EVENT
from kuska.fhir.usecases.audit_events import Lines
from kuska.fhir.usecases.noting import given, permit, refused
from kuska.fhir.usecases.record import Archive, Record
from kuska.fhir.usecases.table import FOR_ALL, INTERACTIONS, NEEDS
from kuska.infra.telemetry.logs import logger
from kuska.infra.web.annex import Passed, Place, described
from kuska.kit.errors import FaultError, IncorrectError, Issue, KuskaError
from kuska.kit.json import decode
from kuska.kit.messages import DEFAULT_LANGUAGE, language

_log = logger("fhir")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9\-._]{1,64}")
_HOST = re.compile(r"[A-Za-z0-9.\-_]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
_JSON_BODY = frozenset({"create", "update", "conditional-update", "bundle"})
_PATCH_BODY = frozenset({"patch", "conditional-patch"})
_SEARCH = frozenset({"search-type", "search-system", "search-compartment"})
_AUDITING = frozenset({"read", "search-type", "search-compartment"})
_PATCH_TYPES = JSON_TYPES | {JSON_PATCH}
_FORM_TYPES = frozenset({FORM})
_OPERATION_TYPES = JSON_TYPES
_CONDITIONAL = frozenset({b"prefer", b"if-match", b"if-none-match", b"if-modified-since", b"if-none-exist"})
_ASKED_BEFORE = b"access-control-request-method"  # marks a browser's question as such (a preflight)
_BINDING = (b"if-match", b"if-none-match", b"if-none-exist")
_TABLE = {
    **INTERACTIONS,
    "bundle": bundle.perform,
    "capabilities": capabilities.perform,
    "openapi": capabilities.openapi,
}
_ROUTES = {name: f"fhir {name}" for name in _TABLE}


class FhirApp:
    """Answers every request under `mount`; the frame gives it those, with their scope as it came."""

    def __init__(  # noqa: PLR0917 - wired in one place
        self,
        archive: Archive,
        door: Door,
        mount: str = "/fhir",
        trail: Lines | None = None,
        issuer: str = "",
        annex: Place | None = None,
    ) -> None:
        """`trail`: where AuditEvents are; None: they are resources like others. `issuer`: whose tokens are taken.
        `annex`: where large requests are done; None: here.
        """
        self._archive = archive
        self._annex = annex
        self._trail = trail
        self._door = door
        self._issuer = issuer
        self._secured = not isinstance(door, OpenDoor)
        self._types = archive.definitions.type_numbers
        self._mount = mount
        self._cut = len(mount)
        self._bodies = Bodies(archive.settings)
        self._id_head = urandom(6).hex().encode() + b"-"
        self._id_tail = count(1)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        headers = _headers(scope["headers"])
        request_id = headers.get(b"x-request-id", b"")
        if not request_id or _REQUEST_ID.fullmatch(request_id) is None:
            request_id = self._id_head + b"%d" % next(self._id_tail)
        method = scope["method"]
        try:
            reply = await self._reply(_Request(method, scope, headers, receive, request_id))
        except KuskaError as error:
            reply = replies.refusal(error, _language(headers))
            if reply.status >= 500:
                _report(error, request_id)
        except DisconnectedError:
            return
        except Exception as error:  # noqa: BLE001 - the border: nothing but an OperationOutcome leaves
            _report(error, request_id)
            reply = replies.refusal(_fault(request_id), _language(headers))
        secure = scope.get("scheme") == "https"
        # With security off, any page that somebody on this machine has open would read everything.
        shared = self._secured and b"origin" in headers
        if isinstance(reply, Passed):
            await replies.pass_on(reply, send)
            return
        await replies.send(reply, request_id, send, head=method == "HEAD", secure=secure, shared=shared)

    async def _reply(self, request: _Request) -> Reply | Passed:
        if request.method == "OPTIONS" and self._secured and _ASKED_BEFORE in request.headers:
            request.scope["kuska.route"] = "fhir preflight"
            return replies.preflight()
        path = request.scope["path"][self._cut :].lstrip("/")
        try:
            call = calls.parse(request.method, path, self._types)
        except KuskaError as error:
            call, problem = Call("unknown"), error
        else:
            problem = None
            request.scope["kuska.route"] = _ROUTES[call.interaction]  # for the frame's metrics and logs: no ids
            if NEEDS[call.interaction] == FOR_ALL:
                return await self._answered(self._archive.nobodys, call, request)
        headers = request.headers
        visit = await self._door.enter(
            headers,
            address=(request.scope.get("client") or ("",))[0],
            request=request.id.decode(),
            purpose=headers.get(b"x-purpose-of-use", b"").decode("latin-1"),
        )
        visit.interaction = call.interaction
        call.query = request.scope["query_string"].decode("latin-1")  # for the line of what is refused at once, too
        record: Record | None = None
        try:
            if problem is not None:
                raise problem
            record = await self._archive.for_visit(visit)
            permit(record, call)
            reply = await self._answered(record, call, request)
        except DisconnectedError:
            raise
        except Exception as error:
            await refused(visit, record, call, error)
            raise
        if visit.noted and not isinstance(reply, Passed):  # the annex has noted what it did
            await given(record, call)
        return reply

    async def _answered(self, record: Record, call: Call, request: _Request) -> Reply | Passed:
        headers = request.headers
        query: str = request.scope["query_string"].decode("latin-1")
        format_, is_pretty = _shape(query) if "_format" in query or "_pretty" in query else (None, False)
        accept = headers.get(b"accept")
        check_accept(None if accept is None else accept.decode("latin-1"), format_)
        call.query = query
        call.lang = _language(headers)
        call.base = record.settings.base_url or _base(
            request.scope.get("scheme", "http"), headers.get(b"host", b"localhost"), self._mount
        )
        if self._secured:
            call.issuer = self._issuer or call.base.removesuffix(self._mount)
        if not _CONDITIONAL.isdisjoint(headers):
            _conditions(call, headers)
        if request.method in ("POST", "PUT", "PATCH"):
            body = await self._bodies.read(request.receive, headers)
            if self._annex is not None and len(body) > record.settings.large_bytes:
                return await self._annex.answer(request.described(), body)
            if call.interaction != "bundle":
                refuse_large(call, body, record.settings.max_resource_bytes)
            _read_into(call, body, headers)
            if call.interaction == "bundle" and len(body) > record.settings.max_resource_bytes:
                refuse_large_entries(call, record.settings.max_resource_bytes)
        if call.type == AUDIT_EVENT and self._trail is not None and call.interaction in _AUDITING:
            answer = await audit_events.perform(self._trail, record, call)
        else:
            answer = await _TABLE[call.interaction](record, call)
        reply = replies.reply_to(call, answer)
        if is_pretty and reply.body:
            reply.body = replies.pretty(reply.body)
        return reply


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    scope: MutableMapping[str, Any]
    headers: Mapping[bytes, bytes]
    receive: Receive
    id: bytes

    def described(self) -> dict[str, Any]:
        """For the annex, which gets the body unpacked."""
        told = {name: value for name, value in self.headers.items() if name != b"content-encoding"}
        return described(self.scope, [*(told | {b"x-request-id": self.id}).items()])


def _headers(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    headers = dict(pairs)
    if len(headers) != len(pairs):  # a header that came in several lines is one list (RFC 9110 §5.3)
        headers.clear()
        for name, value in pairs:
            headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def _language(headers: Mapping[bytes, bytes]) -> str:
    given = headers.get(b"accept-language")
    return DEFAULT_LANGUAGE if given is None else language(given.decode("latin-1"))


@lru_cache(maxsize=256)
def _base(scheme: str, host: bytes, mount: str) -> str:
    name = host.decode("latin-1")
    if _HOST.fullmatch(name) is None:
        raise IncorrectError(Issue(code="value", message="interaction.bad-host"))
    return f"{scheme}://{name}{mount}"


def _shape(query: str) -> tuple[str | None, bool]:
    params = dict(pairs(query))
    return params.get("_format"), params.get("_pretty") == "true"


def _conditions(call: Call, headers: Mapping[bytes, bytes]) -> None:
    def text(name: bytes) -> str:
        value = headers.get(name)
        return "" if value is None else value.decode("latin-1")

    for name in _BINDING:
        # A condition that was lost on its way must not make a write unconditional.
        if name in headers and not text(name).strip():
            raise empty_condition(name.decode())
    if given := text(b"prefer"):
        call.prefer = prefer(given)
    if given := text(b"if-match"):
        call.if_match = parse_if_match(given)
    if given := text(b"if-none-match"):
        call.if_none_match = given
    if given := text(b"if-modified-since"):
        call.if_modified_since = parse_http_date(given)
    if given := text(b"if-none-exist"):
        call.if_none_exist = given


def _read_into(call: Call, body: bytes, headers: Mapping[bytes, bytes]) -> None:
    """The body as what this interaction expects."""
    given = headers.get(b"content-type")
    media = None if given is None else given.decode("latin-1")
    if call.interaction in _JSON_BODY:
        content_type(media, JSON_TYPES)
        call.node = decode(body)
    elif call.interaction in _SEARCH:
        if body:
            content_type(media, _FORM_TYPES)
            call.form = _form(body)
    elif call.interaction in _PATCH_BODY:
        kind = content_type(media, _PATCH_TYPES)
        is_json_patch = kind == JSON_PATCH or (kind != "application/fhir+json" and body.lstrip()[:1] == b"[")
        call.patch = json_patch(body) if is_json_patch else decode(body)
    elif body:
        content_type(media, _OPERATION_TYPES)
        call.node = decode(body)


def _form(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError:
        raise IncorrectError(Issue(code="structure", message="interaction.bad-form")) from None


def _fault(request_id: bytes) -> FaultError:
    params = {"id": request_id.decode()}
    return FaultError(Issue(severity="fatal", code="exception", message="interaction.fault", params=params))


def _report(error: BaseException, request_id: bytes) -> None:
    """What and where, never with what: an exception's text may hold a patient's data."""
    places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in extract_tb(error.__traceback__)[-6:]]
    messages = [issue.message for issue in error.issues] if isinstance(error, KuskaError) else []
    state = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None)
    _log.error(
        "request failed",
        request_id=request_id.decode(),
        error=type(error).__name__,
        messages=messages,
        sqlstate=state,
        at=" < ".join(reversed(places)),
    )
