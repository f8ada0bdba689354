"""search: of a type, of all types, of a compartment; by GET and by POST. https://hl7.org/fhir/R4/http.html#search"""

from __future__ import annotations

from collections.abc import Sequence

from kuska.fhir.domain.call import Call
from kuska.fhir.domain.outcome import outcome
from kuska.fhir.domain.pages import Link, bundle, found_entry, outcome_entry, url
from kuska.fhir.domain.query import pairs
from kuska.fhir.domain.search.request import CURSOR, Compartment, Found, Parameter, SearchPage, SearchRequest
from kuska.fhir.domain.subsetting import Subset, shown, subset_of
from kuska.fhir.usecases.record import Answer, Record
from kuska.kit.errors import Issue, NotFoundError
from kuska.kit.json import decode, encode


async def perform(record: Record, call: Call) -> Answer:
    params = parameters(call)
    if call.compartment and call.compartment not in record.definitions.compartments:
        raise _no_compartment(record, call.compartment)
    request = SearchRequest(
        type=call.type if call.type and call.type != "*" else None,
        parameters=params,
        compartment=Compartment(call.compartment, call.id) if call.compartment else None,
        handling="lenient" if call.prefer.lenient else "strict",
    )
    page = await record.search.search(request)
    path = f"{call.compartment}/{call.id}/{call.type}" if call.compartment else call.type
    return Answer(200, searchset(record, call, page, path, params))


def _no_compartment(record: Record, type_: str) -> NotFoundError:
    params = {"type": type_, "allowed": ", ".join(record.definitions.compartments)}
    return NotFoundError(Issue(code="not-supported", message="interaction.no-compartment", params=params))


def parameters(call: Call) -> tuple[Parameter, ...]:
    """Those of the URL and, for POST, those of the body."""
    if call.form:
        return tuple(pairs(f"{call.query}&{call.form}" if call.query else call.form))
    return tuple(pairs(call.query))


def searchset(record: Record, call: Call, page: SearchPage, path: str, asked: Sequence[Parameter]) -> bytes:
    cursor = [(name, value) for name, value in asked if name == CURSOR]
    links = [Link("self", url(call.base, path, [*page.understood, *cursor]))]
    if page.next is not None:
        links.append(Link("next", url(call.base, path, [*page.understood, (CURSOR, page.next)])))
    part = subset_of(page.understood)
    entries = [_entry(record, call.base, found, part, "match") for found in page.matches]
    entries += [_entry(record, call.base, found, part, "include") for found in page.includes]
    if page.warnings:
        entries.append(outcome_entry(outcome(page.warnings, call.lang)))
    return bundle("searchset", page.total, links, entries)


def _entry(record: Record, base: str, found: Found, part: Subset, mode: str) -> bytes:
    body = found.body if part.whole else encode(shown(decode(found.body), record.definitions, part))
    return found_entry(base, found.type, found.id, body, mode)
