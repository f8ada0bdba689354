"""Batches and transactions as data: entries read, checked and put in order; the answer put together. Pure.

https://hl7.org/fhir/R4/http.html#transaction · https://hl7.org/fhir/R4/bundle.html

Every error names the entry it is about, as `Bundle.entry[3].request.url`.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from kuska.fhir.domain import call as calls
from kuska.fhir.domain.call import Call, Node
from kuska.fhir.domain.http import Prefer, empty_condition, parse_http_date, parse_if_match
from kuska.fhir.domain.outcome import issues_of, under
from kuska.kit.errors import IncorrectError, Issue, KuskaError
from kuska.kit.json import decode

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# https://hl7.org/fhir/R4/http.html#trules: DELETE, POST, PUT and PATCH, GET and HEAD, whatever the order of the entries.
_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}


@dataclass(slots=True)
class Entry:
    """One entry: the call it asks for and what the bundle calls its resource."""

    index: int
    method: str
    call: Call
    full_url: str

    @property
    def place(self) -> str:
        return f"Bundle.entry[{self.index}]"


@dataclass(frozen=True, slots=True)
class Context:
    """What the entries inherit from the request that brought the bundle."""

    types: Mapping[str, object]
    base: str
    issuer: str
    lang: str
    prefer: Prefer


def kind(node: Node) -> str:
    """'batch' or 'transaction'; other bundles are not for the base URL."""
    if node.get("resourceType") != "Bundle":
        found = node.get("resourceType")
        key = "interaction.bundle-expected" if isinstance(found, str) else "interaction.no-type"
        params = {"found": str(found)[:64], "type": "Bundle"}
        raise IncorrectError(Issue(code="invalid", message=key, params=params))
    type_ = node.get("type", "")
    if type_ not in ("batch", "transaction"):
        params = {"found": str(type_)[:64]}
        raise IncorrectError(
            Issue(code="value", message="interaction.bundle-type", params=params, expression="Bundle.type")
        )
    return str(type_)


def entry_nodes(node: Node) -> list[Node]:
    entries = node.get("entry", [])
    if not isinstance(entries, list) or not all(isinstance(item, dict) for item in entries):
        raise IncorrectError(Issue(code="structure", message="interaction.bundle-entries", expression="Bundle.entry"))
    return entries


def read_entry(index: int, node: Node, context: Context) -> Entry:
    """The call of one entry. Raises with the entry's place in every issue."""
    try:
        return _read_entry(index, node, context)
    except KuskaError as error:
        place = f"Bundle.entry[{index}]"
        error.issues = tuple(
            issue if issue.expression.startswith(place) else under([issue], f"{place}.request")[0]
            for issue in issues_of(error)
        )
        raise


def _read_entry(index: int, node: Node, context: Context) -> Entry:
    request = node.get("request")
    if not isinstance(request, dict):
        raise _wrong("required", "interaction.entry-request")
    method, url = request.get("method"), request.get("url")
    if method not in _METHODS:
        raise _wrong(
            "value", "interaction.entry-method", f"Bundle.entry[{index}].request.method", value=str(method)[:20]
        )
    if not isinstance(url, str):
        raise _wrong("required", "interaction.entry-url", f"Bundle.entry[{index}].request.url")
    path, _, query = relative(url, context.base).partition("?")
    call = calls.parse("GET" if method == "HEAD" else method, path, context.types)
    call.query, call.base, call.issuer = query, context.base, context.issuer
    call.lang, call.prefer = context.lang, context.prefer
    _read_conditions(call, request)
    full_url = node.get("fullUrl")
    entry = Entry(index, method, call, full_url if isinstance(full_url, str) else "")
    _read_resource(entry, node.get("resource"))
    return entry


def relative(url: str, base: str) -> str:
    """The part of a request URL under the base: entries give it relative, some clients absolute."""
    url = url.partition("#")[0]
    if base and url.startswith(base):
        url = url[len(base) :]
    return url.lstrip("/")


def _read_conditions(call: Call, request: Node) -> None:
    def text(name: str) -> str:
        value = request.get(name, "")
        if name in request and not (isinstance(value, str) and value.strip()):
            raise empty_condition(name)
        return value

    if given := text("ifMatch"):
        call.if_match = parse_if_match(given)
    call.if_none_match = text("ifNoneMatch")
    call.if_none_exist = text("ifNoneExist")
    if given := text("ifModifiedSince"):
        call.if_modified_since = parse_instant(given)


def parse_instant(text: str) -> datetime | None:
    """`ifModifiedSince` is an instant in a bundle and an HTTP date in a header; clients mix them up."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return parse_http_date(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _read_resource(entry: Entry, resource: object) -> None:
    call = entry.call
    if entry.method not in _WITH_BODY:
        return
    if call.interaction in ("search-type", "search-system", "search-compartment"):
        # POST _search inside a bundle: its parameters are in the URL. Others, passed over, would find everything.
        if resource is not None:
            raise _wrong("structure", "interaction.entry-search", f"{entry.place}.resource")
        return
    if not isinstance(resource, dict):
        if call.interaction == "operation":
            return
        raise _wrong("required", "interaction.entry-resource", f"{entry.place}.resource")
    if entry.method == "PATCH":
        call.patch = patch_of(resource)
    else:
        call.node = resource


def patch_of(resource: Node) -> object:
    """A patch inside a bundle: a Parameters resource, or a Binary that carries a JSON Patch.

    https://hl7.org/fhir/R4/http.html#patch
    """
    if resource.get("resourceType") == "Parameters":
        return resource
    data = resource.get("data")
    if resource.get("contentType") not in ("application/json-patch+json", "application/json") or not isinstance(
        data, str
    ):
        raise _wrong("value", "interaction.entry-patch")
    try:
        return json_patch(b64decode(data, validate=True))
    except Base64Error:
        raise _wrong("value", "interaction.entry-patch") from None


def json_patch(raw: bytes) -> object:
    """A JSON Patch document: an array, while everything else that is decoded here is an object."""
    patch: object = decode(b'{"patch":%b}' % raw)["patch"]
    if not isinstance(patch, list):
        raise _wrong("structure", "interaction.patch-shape")
    return patch  # pyright: ignore[reportUnknownVariableType]


def _wrong(code: str, message: str, expression: str = "", **params: object) -> IncorrectError:
    return IncorrectError(Issue(code=code, message=message, params=params, expression=expression))


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (_ORDER[entry.method], entry.index))
