"""What a search finds is what the judge lets through, for random small records and random callers. And nothing else by
any other road.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import _clone
from tests.fhir.security.conftest import NOW, Told

from kuska.fhir.api import Archive, open_record
from kuska.fhir.domain.search.request import CURSOR, Compartment, EverythingRequest, SearchRequest
from kuska.fhir.domain.sight import Sight
from kuska.fhir.store.records import Change
from kuska.fhir.usecases.record import Record
from kuska.infra.postgres.database import Database, Limits
from kuska.kit.clock import SetClock
from kuska.kit.json import decode, encode
from kuska.security.api import Caller, Letter, Visit, Way, visit_off

pytestmark = pytest.mark.requirement("HC-04", "LW-16")

Node = dict[str, Any]
PEOPLE = ("a", "b", "c")
TYPES = ("Observation", "Encounter", "Patient", "List", "Practitioner", "Appointment")
_TABLES = "resource, history, home, token, string, date, quantity, reference, composite, change"


class Drawn:
    """`contracts.Access` as the example says."""

    purpose = "TREAT"
    durable = False
    areas: frozenset[str] = frozenset()

    def __init__(self, ways: Sequence[Way], withheld: frozenset[str], consented: frozenset[str]) -> None:
        self.caller = Caller(kind="person", account="x", patient="a", practitioner="dr")
        self._ways = tuple(ways)
        self.withheld, self.consented, self.opened = withheld, consented, frozenset[str]()

    def withheld_for(self, type_: str) -> frozenset[str]:
        del type_
        return self.withheld

    def consented_for(self, type_: str) -> frozenset[str]:
        del type_
        return self.consented

    def ways(self, type_: str, letter: Letter) -> tuple[Way, ...]:
        del letter
        return (Way("all"),) if type_ == "Practitioner" else () if type_ == "Account" else self._ways

    def free(self, type_: str, letter: Letter) -> bool:
        return self.ways(type_, letter) == (Way("all"),) and (type_ == "Practitioner" or not self.withheld)

    def may(self, feature: str) -> bool:
        del feature
        return False


def _patient(name: str | None) -> Node:
    return {"reference": f"Patient/{name}"}


people = st.sampled_from(PEOPLE)
codes = st.sampled_from(("laboratory", "vital-signs"))


@st.composite
def observations(draw: st.DrawFn) -> Node:
    found: Node = {
        "resourceType": "Observation",
        "id": f"o{draw(st.integers(1, 6))}",
        "status": "final",
        "code": {"text": "x"},
        "category": [{"coding": [{"system": "http://c", "code": draw(codes)}]}],
    }
    if (subject := draw(st.none() | people)) is not None:
        found["subject"] = _patient(subject)
    if (performer := draw(st.none() | people)) is not None:
        found["performer"] = [_patient(performer)]
    if draw(st.booleans()):
        found["hasMember"] = [{"reference": f"Observation/o{draw(st.integers(1, 6))}"}]
    if draw(st.booleans()):
        found["encounter"] = {"reference": f"Encounter/e{draw(st.integers(1, 3))}"}
    return found


@st.composite
def encounters(draw: st.DrawFn) -> Node:
    return {
        "resourceType": "Encounter",
        "id": f"e{draw(st.integers(1, 3))}",
        "status": draw(st.sampled_from(("finished", "cancelled"))),
        "class": {"code": "AMB"},
        "subject": _patient(draw(people)),
        "participant": [{"individual": {"reference": f"Practitioner/{draw(st.sampled_from(('dr', 'other')))}"}}],
    }


@st.composite
def lists(draw: st.DrawFn) -> Node:
    return {
        "resourceType": "List",
        "id": f"l{draw(st.integers(1, 2))}",
        "status": "current",
        "mode": "working",
        "subject": _patient(draw(people)),
        "entry": [{"item": {"reference": f"Observation/o{draw(st.integers(1, 6))}"}}],
    }


@st.composite
def appointments(draw: st.DrawFn) -> Node:
    actors = [*draw(st.lists(people, min_size=1, max_size=2, unique=True))]
    return {
        "resourceType": "Appointment",
        "id": f"p{draw(st.integers(1, 2))}",
        "status": "proposed",
        "participant": [{"actor": _patient(name), "status": "accepted"} for name in actors],
    }


@st.composite
def populations(draw: st.DrawFn) -> list[Node]:
    found = draw(st.lists(observations() | encounters() | lists() | appointments(), max_size=10))
    found += [{"resourceType": "Patient", "id": name, "gender": "female"} for name in PEOPLE]
    found += [{"resourceType": "Practitioner", "id": name} for name in ("dr", "other")]
    return list({(node["resourceType"], node["id"]): node for node in found}.values())


_queries = st.sampled_from(((), ((("category", "laboratory"),),), ((("category", "http://c|vital-signs"),),)))
_ways = st.builds(
    Way,
    reach=st.sampled_from(("all", "own", "care", "consented")),
    queries=_queries,
    also=st.sampled_from(((), ("care",), ("consented",))),
)


@st.composite
def accesses(draw: st.DrawFn) -> Drawn:
    ways = draw(st.lists(_ways, min_size=1, max_size=2))
    sets = st.frozensets(people, max_size=2)
    return Drawn(ways, draw(sets), draw(sets))


@pytest.fixture(scope="module")
async def archive(server_dsn: str, template: str) -> AsyncIterator[Archive]:
    async with _clone(server_dsn, template) as dsn:
        db = await Database.open(dsn, Limits(read_connections=2, write_connections=2))
        yield await open_record(db)
        await db.close()


async def filled(archive: Archive, population: Sequence[Node]) -> None:
    async def empty(tx: Any) -> None:
        for table in _TABLES.split(", "):
            await tx.execute(f"delete from fhir.{table}")

    await archive.db.transact(empty)
    record = await archive.for_visit(visit_off())
    nodes = [decode(encode(node)) for node in population]
    await record.write([Change("put", node["resourceType"], node["id"], node) for node in nodes])
    archive.care.forget()


def judged(sight: Sight, population: Sequence[Node]) -> set[str]:
    """By the pure rules alone."""
    return {
        f"{node['resourceType']}/{node['id']}"
        for node in population
        if sight.judges(node["resourceType"], "s", node["id"], decode(encode(node)))
    }


async def found(record: Record, type_: str | None, *parameters: tuple[str, str], **more: Any) -> set[str]:
    seen: set[str] = set()
    after: tuple[tuple[str, str], ...] = ()
    while True:
        request = SearchRequest(type=type_, parameters=(*parameters, ("_count", "2"), *after), **more)
        page = await record.search.search(request)
        seen |= {f"{one.type}/{one.id}" for one in (*page.matches, *page.includes)}
        if page.next is None:
            return seen
        after = ((CURSOR, page.next),)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
async def test_every_road_leads_to_what_the_judge_allows(archive: Archive, data: st.DataObject) -> None:
    population, access = data.draw(populations()), data.draw(accesses())
    await filled(archive, population)
    record = await archive.for_visit(Visit(access, Told(), SetClock(NOW)))
    allowed = judged(record.sight, population)

    def of(type_: str) -> set[str]:
        return {key for key in allowed if key.startswith(f"{type_}/")}

    for type_ in TYPES:
        assert await found(record, type_) == of(type_), type_
        page = await record.search.search(SearchRequest(type=type_, parameters=(("_summary", "count"),)))
        assert page.total == len(of(type_))
        estimate = await record.search.search(SearchRequest(type=type_, parameters=(("_total", "estimate"),)))
        assert not record.sight.within(type_, "s").conditions or estimate.total == len(of(type_))
    assert await found(record, None, ("_type", ",".join(TYPES))) == allowed
    for name in PEOPLE:
        compartment = Compartment("Patient", name)
        assert await found(record, None, compartment=compartment) <= allowed
        assert await found(record, "Observation", ("subject", f"Patient/{name}")) == {
            key for key in of("Observation") if _subject(population, key) == f"Patient/{name}"
        }
        if f"Patient/{name}" in allowed:
            page = await record.search.everything(EverythingRequest(type="Patient", id=name))
            assert {f"{one.type}/{one.id}" for one in (*page.matches, *page.includes)} <= allowed
    along = (("_include", "*"), ("_include:iterate", "*"), ("_revinclude", "*"), ("_revinclude:iterate", "*"))
    for type_ in ("Practitioner", "Observation"):
        assert await found(record, type_, *along) <= allowed
    await _by_id(record, population, allowed)
    await _through(record, population, allowed)


async def _by_id(record: Record, population: Sequence[Node], allowed: set[str]) -> None:
    async with record.db.read() as conn:
        for node in population:
            key = f"{node['resourceType']}/{node['id']}"
            assert (await record.records.read(conn, node["resourceType"], node["id"]) is not None) == (key in allowed)
            old = await record.records.read_version(conn, node["resourceType"], node["id"], 1)
            assert (old is not None) == (key in allowed)


async def _through(record: Record, population: Sequence[Node], allowed: set[str]) -> None:
    """Chains and `_has` see what the caller sees, and nothing else decides what they find."""
    visible = [node for node in population if f"{node['resourceType']}/{node['id']}" in allowed]
    members = {
        f"Observation/{node['id']}"
        for node in visible
        for member in node.get("hasMember", ())
        if member["reference"] in allowed and _is_laboratory(population, member["reference"])
    }
    assert await found(record, "Observation", ("has-member.category", "laboratory")) == members
    treating = {
        node["participant"][0]["individual"]["reference"] for node in visible if node["resourceType"] == "Encounter"
    }
    assert await found(record, "Practitioner", ("_has:Encounter:participant:status", "finished,cancelled")) == treating
    listed = {
        node["entry"][0]["item"]["reference"]
        for node in visible
        if node["resourceType"] == "List" and node["id"] == "l1"
    }
    assert await found(record, "Observation", ("_list", "l1")) == listed & allowed


def _subject(population: Sequence[Node], key: str) -> str | None:
    node = next(node for node in population if f"{node['resourceType']}/{node['id']}" == key)
    return node.get("subject", {}).get("reference")


def _is_laboratory(population: Sequence[Node], key: str) -> bool:
    return any(
        f"{node['resourceType']}/{node['id']}" == key and "laboratory" in json.dumps(node["category"])
        for node in population
        if node["resourceType"] == "Observation"
    )
