"""What a request asks for: method and URL under the base become one interaction of the specification. Pure.

The same reading serves HTTP and the entries of a bundle, so both understand the same URLs.

https://hl7.org/fhir/R4/http.html#summary
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kuska.fhir.domain.http import Prefer
from kuska.fhir.domain.identity import ID_PATTERN
from kuska.kit.errors import IncorrectError, Issue, NotFoundError, UnsupportedError

Node = dict[str, Any]


class MethodNotAllowedError(UnsupportedError):
    status = 405

    def __init__(self, allowed: str, *issues: Issue) -> None:
        super().__init__(*issues)
        self.allowed = allowed


@dataclass(slots=True)
class Call:
    """One interaction with all that qualifies it. Empty text means 'not given'."""

    interaction: str
    type: str = ""
    id: str = ""
    version: str = ""
    query: str = ""  # as in the URL, without '?'
    compartment: str = ""  # 'Patient' in Patient/1/Observation; then type may be '*'
    operation: str = ""  # without '$'
    node: Node | None = None
    patch: object = None  # JSON Patch operations or a Parameters resource
    form: str = ""  # body of POST _search
    base: str = ""  # 'https://host/fhir', for links in the answer
    issuer: str = ""  # 'https://host', where tokens come from; '' = security is off
    lang: str = "es"
    prefer: Prefer = field(default_factory=Prefer)
    if_match: int | None = None
    if_none_match: str = ""
    if_modified_since: datetime | None = None
    if_none_exist: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Interactions by method at one shape of URL."""

    methods: Mapping[str, str]
    allowed: str

    @staticmethod
    def of(**methods: str) -> Place:
        if "GET" in methods:
            methods = {"GET": methods["GET"], "HEAD": methods["GET"], **methods}
        return Place(methods, ", ".join(methods))


_SYSTEM = Place.of(GET="search-system", POST="bundle")
_TYPE = Place.of(GET="search-type", POST="create", PUT="conditional-update", PATCH="conditional-patch",
                 DELETE="conditional-delete")  # fmt: skip
_INSTANCE = Place.of(GET="read", PUT="update", PATCH="patch", DELETE="delete")
_VERSION = Place.of(GET="vread")
_HISTORY_SYSTEM = Place.of(GET="history-system")
_HISTORY_TYPE = Place.of(GET="history-type")
_HISTORY_INSTANCE = Place.of(GET="history-instance")
_SEARCH_SYSTEM = Place.of(POST="search-system")
_SEARCH_TYPE = Place.of(POST="search-type")
_COMPARTMENT = Place.of(GET="search-compartment")
_COMPARTMENT_POST = Place.of(POST="search-compartment")
_METADATA = Place.of(GET="capabilities")
_OPENAPI = Place.of(GET="openapi")
_OPERATION = Place.of(GET="operation", POST="operation")


def parse(method: str, path: str, types: Mapping[str, object]) -> Call:
    """`path` is what follows the base, without leading '/' and query."""
    parts = path.split("/")
    if parts[-1] == "" and len(parts) > 1:
        parts.pop()
    first = parts[0]
    if len(parts) == 2 and first in types and parts[1][:1] not in ("_", "$"):  # the most frequent shape first
        return Call(_interaction(_INSTANCE, method, path), type=first, id=usable_id(parts[1]))
    if first in types:
        return _typed(method, path, first, parts[1:])
    if len(parts) == 1:
        place = _BY_NAME.get(first)
        if place is not None:
            return Call(_interaction(place, method, path))
        if first.startswith("$"):
            return Call(_interaction(_OPERATION, method, path), operation=first[1:])
    if first[:1].isupper():
        raise NotFoundError(
            Issue(code="not-supported", message="interaction.unknown-type", params={"type": first[:64]})
        )
    raise _unknown(path)


_BY_NAME = {
    "": _SYSTEM,
    "metadata": _METADATA,
    "openapi.json": _OPENAPI,
    "_history": _HISTORY_SYSTEM,
    "_search": _SEARCH_SYSTEM,
}


def _typed(method: str, path: str, type_: str, rest: list[str]) -> Call:
    """What lies under a resource type, the plain instance apart."""
    match rest:
        case []:
            return Call(_interaction(_TYPE, method, path), type=type_)
        case ["_search"]:
            return Call(_interaction(_SEARCH_TYPE, method, path), type=type_)
        case ["_history"]:
            return Call(_interaction(_HISTORY_TYPE, method, path), type=type_)
        case [name] if name.startswith("$"):
            return Call(_interaction(_OPERATION, method, path), type=type_, operation=name[1:])
        case [id_, "_history"]:
            return Call(_interaction(_HISTORY_INSTANCE, method, path), type=type_, id=usable_id(id_))
        case [id_, "_history", version]:
            return Call(_interaction(_VERSION, method, path), type=type_, id=usable_id(id_), version=version)
        case [id_, name] if name.startswith("$"):
            return Call(_interaction(_OPERATION, method, path), type=type_, id=usable_id(id_), operation=name[1:])
        case [id_, name] if name == "*" or name[:1].isupper():
            found = Call(_interaction(_COMPARTMENT, method, path), type=name, id=usable_id(id_), compartment=type_)
        case [id_, name, "_search"]:
            found = Call(_interaction(_COMPARTMENT_POST, method, path), type=name, id=usable_id(id_), compartment=type_)
        case _:
            raise _unknown(path)
    return found


def _interaction(place: Place, method: str, path: str) -> str:
    found = place.methods.get(method)
    if found is None:
        params = {"method": method[:16], "path": path[:200], "allowed": place.allowed}
        raise MethodNotAllowedError(
            place.allowed, Issue(code="not-supported", message="interaction.method-not-allowed", params=params)
        )
    return found


def usable_id(text: str) -> str:
    """An id that can stand in a URL: '.' and '..' are ids to the specification and steps of a path to everybody else."""
    if ID_PATTERN.fullmatch(text) is None or text in (".", ".."):
        raise IncorrectError(Issue(code="value", message="interaction.bad-id", params={"id": text[:80]}))
    return text


def _unknown(path: str) -> NotFoundError:
    return NotFoundError(Issue(code="not-found", message="interaction.unknown-path", params={"path": path[:200]}))
