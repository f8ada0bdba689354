"""AuditEvents are the trail: read and searched where security keeps it, written by nobody from outside.

https://hl7.org/fhir/R4/auditevent.html. Newest first. The search knows `patient`, `agent`, `entity`, `date`, `action`,
`outcome`, `purpose` (v3 PurposeOfUse), `address`, `_id`, `_count`; each once, no modifiers. Only callers who may see all
of it come here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from kuska.fhir.domain.call import Call
from kuska.fhir.domain.pages import Link, bundle, found_entry, url
from kuska.fhir.domain.search import problems
from kuska.fhir.domain.search.problems import Refused
from kuska.fhir.domain.search.request import CURSOR
from kuska.fhir.domain.search.times import updated
from kuska.fhir.errors import missing
from kuska.fhir.usecases.part import cut
from kuska.fhir.usecases.record import Answer, Record
from kuska.fhir.usecases.search import parameters
from kuska.kit.errors import IncorrectError
from kuska.kit.json import encode
from kuska.security.api import Event, RefusedByPolicyError, TrailPage, TrailQuestion

TYPE = "AuditEvent"
_COUNT, _MOST = 50, 1000
_PLAIN = {"action": "action", "outcome": "outcome", "purpose": "purpose", "address": "address"}
_KNOWN = ("_id", "_count", "patient", "agent", "entity", "date", *_PLAIN)
_PASSED = frozenset({"_format", "_pretty"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Lines(Protocol):
    """`kuska.security.api.AuditTrail`."""

    async def search(self, question: TrailQuestion, *, after: str = "", limit: int = 50) -> TrailPage: ...
    async def find(self, id_: str) -> Event | None: ...
    async def settled(self) -> None: ...
    def audit_event(self, event: Event) -> dict[str, Any]: ...


async def perform(lines: Lines, record: Record, call: Call) -> Answer:
    if not record.sight.free(TYPE, "r" if call.interaction == "read" else "s"):
        raise RefusedByPolicyError("security.feature")
    await lines.settled()
    if call.interaction == "read":
        return cut(record, call, await _read(lines, record, call.id))
    return await _search(lines, record, call)


async def _read(lines: Lines, record: Record, id_: str) -> Answer:
    event = await lines.find(id_)
    if event is None:
        raise missing(TYPE, id_)
    record.sight.visit.gave(f"{TYPE}/{id_}", *event.patients)
    return Answer(200, encode(lines.audit_event(event)), updated=event.at)


async def _search(lines: Lines, record: Record, call: Call) -> Answer:
    asked = [pair for pair in parameters(call) if pair[0] not in _PASSED]
    if call.compartment:
        if call.compartment != "Patient":
            raise IncorrectError(problems.unsupported(call.compartment).issue)
        asked.append(("patient", call.id))
    try:
        question, count = _question(record, [pair for pair in asked if pair[0] != CURSOR])
    except Refused as refused:
        raise IncorrectError(refused.issue) from None
    page = await _page(lines, question, dict(asked).get(CURSOR, ""), count, dict(asked).get("_id"))
    if question.patient:
        # That somebody looked into who saw this patient's data is itself about the patient.
        record.sight.visit.gave(f"Patient/{question.patient}", question.patient)
    kept = [pair for pair in asked if pair[0] != CURSOR]
    links = [Link("self", url(call.base, TYPE, asked))]
    if page.next:
        links.append(Link("next", url(call.base, TYPE, [*kept, (CURSOR, page.next)])))
    entries = [
        found_entry(call.base, TYPE, event.id, encode(lines.audit_event(event)), "match") for event in page.events
    ]
    return Answer(200, bundle("searchset", None, links, entries if count else ()))


async def _page(lines: Lines, question: TrailQuestion, after: str, count: int, id_: str | None) -> TrailPage:
    if id_ is None:
        return await lines.search(question, after=after, limit=max(count, 1))
    event = await lines.find(id_.removeprefix(f"{TYPE}/"))
    return TrailPage(() if event is None else (event,))


def _question(record: Record, asked: Sequence[tuple[str, str]]) -> tuple[TrailQuestion, int]:
    question, count = TrailQuestion(), _COUNT
    seen: set[str] = set()
    for name, value in asked:
        if name not in _KNOWN:
            raise problems.unknown(name, TYPE, _KNOWN)
        if name in seen and name != "date":
            raise problems.bad_value(name, value, "search.bad-choice", allowed="1")
        seen.add(name)
        match name:
            case "_count":
                if not (value.isascii() and value.isdecimal() and len(value) < 9):
                    raise problems.bad_value("_count", value, "search.bad-count")
                count = min(int(value), _MOST)
            case "_id":
                pass
            case "patient":
                question = replace(question, patient=value.removeprefix("Patient/"))
            case "agent":
                practitioner = value.removeprefix("Practitioner/")
                who = {"account": value} if practitioner == value else {"practitioner": practitioner}
                question = replace(question, **who)
            case "entity":
                question = replace(question, entity=value)
            case "date":
                question = _dated(record, question, value)
            case _:
                question = replace(question, **{_PLAIN[name]: value})
    return question, count


def _dated(record: Record, question: TrailQuestion, value: str) -> TrailQuestion:
    span, negated = updated("date", value, 0, record.calendar)
    if negated:
        raise problems.bad_value("date", value, "search.bad-date")
    low = question.since if span.low is None else _later(question.since, _moment(span.low))
    high = question.until if span.high is None else _earlier(question.until, _moment(span.high))
    return replace(question, since=low, until=high)


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)
