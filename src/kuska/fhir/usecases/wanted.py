"""Whose data a request was after, by its own words: for the line of an attempt that was given nothing.

Nothing is looked up. A patient who is not there is named like one who is, so neither the line nor the time it takes
tells which; and what an id that names no patient would have led to stays unknown (`GET Observation/1`, hidden).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import parse_qsl

from kuska.fhir.domain.call import Call
from kuska.fhir.usecases.record import Record
from kuska.kit.json import Node, encode

MOST = 50  # patients in one line; a list of more is a sweep, and the line has its query
_FIELDS = 1000
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_REFERENCE = re.compile(r"(?:.*/)?Patient/([A-Za-z0-9\-.]{1,64})(?:/_history/.*)?")
_READING_POST = re.compile(r"/_search(?:$|\?)|/\$[a-z\-]+(?:$|\?)")
_OF_A_PATIENT = re.compile(r"(?:patient|subject)(?::Patient)?(?:\._id)?")


def wanted(record: Record, call: Call) -> tuple[str, ...]:
    """Ids of patients: in the path, in parameters, in the body."""
    found: dict[str, None] = {}
    for patient in _all(record, call):
        if _ID.fullmatch(patient):
            found[patient] = None
        if len(found) >= MOST:
            break
    return tuple(found)


def asked_in_bundle(call: Call) -> tuple[str, ...]:
    """The same of what a bundle reads."""
    found: dict[str, None] = {}
    for entry in _entries(call.node):
        method, url = _request(entry).get("method"), str(_request(entry).get("url", ""))
        if method in ("GET", "HEAD") or (method == "POST" and _READING_POST.search(url) is not None):
            found |= dict.fromkeys(_of_url(url))
        if len(found) >= MOST:
            break
    return tuple(found)[:MOST]


def conditions(call: Call) -> str:
    """What a bundle's entries search by: `Observation?code=1 Patient?identifier=2`."""
    found: list[str] = []
    for entry in _entries(call.node):
        request = _request(entry)
        url, condition = str(request.get("url", "")), request.get("ifNoneExist")
        if isinstance(condition, str):
            found.append(f"{url}?{condition}")
        elif "?" in url:
            found.append(url)
    return " ".join(found)


def _all(record: Record, call: Call) -> Iterator[str]:
    if call.id and (call.compartment or call.type) == "Patient":
        yield call.id
    for query in (call.query, call.form, call.if_none_exist):
        if query:
            yield from _of_query(call.type, query)
    if call.interaction == "bundle":
        for entry in _entries(call.node):
            yield from _of_url(str(_request(entry).get("url", "")))
            yield from _of_node(record, entry.get("resource"))
    elif call.node is not None:
        yield from _of_node(record, call.node)


def _of_query(type_: str, query: str) -> Iterator[str]:
    for name, value in parse_qsl(query[:65_536], separator="&")[:_FIELDS]:
        plain = (name == "_id" and type_ == "Patient") or _OF_A_PATIENT.fullmatch(name) is not None
        for one in value.split(","):
            reference = _REFERENCE.fullmatch(one)
            if reference is not None:
                yield reference[1]
            elif plain and "/" not in one:
                yield one


def _of_url(url: str) -> Iterator[str]:
    path, _, query = url.partition("?")
    parts = path.strip("/").removesuffix("/_search").split("/")
    if "Patient" in parts[:-1] and not parts[parts.index("Patient") + 1].startswith("$"):
        yield parts[parts.index("Patient") + 1]
    yield from _of_query(parts[-1], query)


def _of_node(record: Record, node: object) -> Iterator[str]:
    """As far as it can be read: what is refused may be anything."""
    if isinstance(node, dict):
        known = cast("Node", node)
        type_, id_ = known.get("resourceType"), known.get("id")
        if isinstance(type_, str):
            yield from record.sight.whose(type_, id_ if isinstance(id_, str) else "", encode(known))


def _entries(node: Node | None) -> Iterator[Node]:
    found: Any = None if node is None else node.get("entry")
    return (entry for entry in (found if isinstance(found, list) else ()) if isinstance(entry, dict))  # pyright: ignore[reportUnknownVariableType]


def _request(entry: Node) -> Node:
    found: object = entry.get("request")
    return cast("Node", found) if isinstance(found, dict) else {}
