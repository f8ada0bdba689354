"""Searches end to end on a small record: what the model does not cover."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from tests.fhir.unguarded import records_of, service_of

from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.search.request import CURSOR, Compartment, EverythingRequest, SearchPage, SearchRequest
from kuska.fhir.store.facts import own_key
from kuska.fhir.store.records import Change, Records
from kuska.fhir.store.search.service import SearchService
from kuska.infra.postgres.database import Database
from kuska.kit.errors import IncorrectError, NotFoundError
from kuska.kit.json import decode
from kuska.kit.paging import Cursors

pytestmark = pytest.mark.requirement("HC-01")

Node = dict[str, Any]
BASE = "https://record.example/fhir"


def ref(target: str) -> Node:
    return {"reference": target}


def concept(code: str, display: str | None = None, text: str | None = None) -> Node:
    coding = {"system": "http://loinc.org", "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]} | ({"text": text} if text else {})


def observation(id_: str, patient: str, **more: Any) -> Node:
    return {"resourceType": "Observation", "id": id_, "status": "final", "subject": ref(f"Patient/{patient}"), **more}


DNI = {"coding": [{"system": "urn:types", "code": "DNI"}], "text": "Documento nacional"}
NODES: list[Node] = [
    {"resourceType": "Organization", "id": "red", "name": "Red Lima"},
    {"resourceType": "Organization", "id": "hosp", "name": "Hospital Uno", "partOf": ref("Organization/red")},
    {"resourceType": "Practitioner", "id": "doc", "name": [{"family": "Rojas"}]},
    {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": "urn:dni", "value": "46", "type": DNI}],
        "name": [{"family": "Huamán", "given": ["Rosa"]}],
        "managingOrganization": ref("Organization/hosp"),
        "generalPractitioner": [ref("Practitioner/doc")],
        "meta": {"tag": [{"system": "urn:t", "code": "vip"}]},
    },
    {
        "resourceType": "Patient",
        "id": "p2",
        "name": [{"family": "Quispe"}],
        "link": [{"other": ref("Patient/p1"), "type": "seealso"}],
    },
    {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": ref("Patient/p1"),
        "period": {"start": "2020-01-01", "end": "2020-01-02"},
        "participant": [{"individual": ref("Practitioner/doc")}],
    },
    observation(
        "o1",
        "p1",
        code=concept("1", "Glucosa en sangre"),
        encounter=ref("Encounter/e1"),
        effectiveDateTime="2020-01-01",
        performer=[ref("Practitioner/doc")],
    ),
    observation(
        "o2",
        "p1",
        code=concept("2", text="Presión arterial"),
        effectiveDateTime="2021-01-01",
        meta={"tag": [{"system": "urn:t", "code": "vip"}]},
    ),
    observation("o3", "p2", code=concept("1"), effectiveDateTime="2022-01-01", hasMember=[ref("Observation/o1")]),
    {
        "resourceType": "Observation",
        "id": "o4",
        "status": "final",
        "code": concept("3"),
        "subject": {"identifier": {"system": "urn:dni", "value": "46"}},
    },
    {
        "resourceType": "Condition",
        "id": "c1",
        "subject": ref("Patient/p1"),
        "asserter": ref("Practitioner/doc"),
        "encounter": ref("Encounter/e1"),
    },
    {"resourceType": "Condition", "id": "c2", "subject": ref(f"{BASE}/Patient/p2"), "asserter": ref("Patient/p1")},
    {
        "resourceType": "Provenance",
        "id": "v1",
        "target": [ref("Observation/o1")],
        "recorded": "2020-01-01T00:00:00Z",
        "agent": [{"who": ref("Practitioner/doc")}],
    },
    {
        "resourceType": "List",
        "id": "l1",
        "status": "current",
        "mode": "working",
        "entry": [{"item": ref("Patient/p2")}, {"item": ref("Observation/o1")}],
    },
    {"resourceType": "ValueSet", "id": "vs", "status": "active", "url": "http://example.org/vs/one"},
    {"resourceType": "Location", "id": "gone", "status": "active", "name": "Pasillo"},
]


class Given:
    def __init__(self, db: Database, service: SearchService, records: Records) -> None:
        self.db, self.service, self.records = db, service, records

    async def page(self, type_: str | None, *parameters: tuple[str, str], **more: Any) -> SearchPage:
        return await self.service.search(SearchRequest(type=type_, parameters=parameters, **more))

    async def ids(self, type_: str | None, *parameters: tuple[str, str], **more: Any) -> list[str]:
        return matched(await self.page(type_, *parameters, **more))

    async def put(self, nodes: Sequence[Node]) -> None:
        changes = [Change("put", n["resourceType"], n["id"], decode(json.dumps(n).encode())) for n in nodes]
        async with self.db.write() as tx:
            await self.records.write(tx, changes)


def matched(page: SearchPage) -> list[str]:
    return sorted(found.id for found in page.matches)


def included(page: SearchPage) -> list[str]:
    return sorted(found.id for found in page.includes)


@pytest.fixture(scope="module")
async def given(own_db: Database) -> Given:
    identities = Identities(await own_db.transact(lambda tx: own_key(tx, "identities")))
    records = records_of(identities, [BASE])
    service = service_of(own_db, records, identities, Cursors(b"k"), [BASE])
    made = Given(own_db, service, records)
    await made.put(NODES)
    async with own_db.write() as tx:
        await records.write(tx, [Change("delete", "Location", "gone")])
    return made


@pytest.mark.parametrize(
    ("type_", "name", "value", "expected"),
    [
        ("Patient", "identifier:of-type", "urn:types|DNI|46", ["p1"]),
        ("Patient", "identifier:of-type", "urn:types|RUN|46", []),
        ("Patient", "identifier:text", "documento", ["p1"]),
        ("Observation", "subject:identifier", "urn:dni|46", ["o4"]),
        ("Observation", "subject:missing", "false", ["o1", "o2", "o3", "o4"]),
        ("Observation", "code:text", "glucosa", ["o1", "o3"]),
        ("Observation", "code:text", "arterial presi", ["o2"]),
        ("Observation", "code:text", "lucosa", []),
        ("Observation", "subject:Patient.identifier", "46", ["o1", "o2"]),
        ("Observation", "subject.identifier", "46", ["o1", "o2"]),
        ("Observation", "patient.organization.partof.name", "red", ["o1", "o2"]),
        ("Observation", "subject:Patient._id", "p2", ["o3"]),
        ("Observation", "subject:Patient._tag", "urn:t|vip", ["o1", "o2"]),
        ("Observation", "subject", f"{BASE}/Patient/p2", ["o3"]),
        ("Condition", "patient", "p2", ["c2"]),
        ("Patient", "_has:Observation:patient:code:text", "glucosa", ["p1", "p2"]),
        ("Patient", "_has:Observation:patient:encounter:Encounter.class", "AMB", ["p1"]),
        ("Practitioner", "_has:Observation:performer:_has:Provenance:target:agent", "Practitioner/doc", ["doc"]),
        ("Patient", "_list", "l1", ["p2"]),
        ("ValueSet", "url:below", "http://example.org/vs", ["vs"]),
        ("ValueSet", "url:above", "http://example.org/vs/one/1.0", ["vs"]),
        ("Location", "name", "pasillo", []),
        ("Location", "_id", "gone", []),
        ("Location", "name:missing", "true", []),
        ("Patient", "_id", "p1,p9", ["p1"]),
        ("Patient", "_lastUpdated", "ge2020", ["p1", "p2"]),
        ("Patient", "_lastUpdated", "lt2020", []),
    ],
)
async def test_finds(given: Given, type_: str, name: str, value: str, expected: list[str]) -> None:
    page = await given.page(type_, (name, value), ("_total", "accurate"))
    assert (matched(page), page.total) == (expected, len(expected))


async def test_includes(given: Given) -> None:
    page = await given.page(
        "Observation", ("_id", "o1"), ("_include", "Observation:patient"), ("_include", "Observation:encounter")
    )
    assert included(page) == ["e1", "p1"]
    page = await given.page("Observation", ("_id", "o1"), ("_include", "*"))
    assert included(page) == ["doc", "e1", "p1"]
    page = await given.page("Observation", ("_id", "o1"), ("_include", "Observation:performer:Organization"))
    assert included(page) == []


async def test_iterated_includes_stop_by_themselves(given: Given) -> None:
    page = await given.page(
        "Observation",
        ("_id", "o1"),
        ("_include", "Observation:patient"),
        ("_include:iterate", "Patient:organization"),
        ("_include:iterate", "Organization:partof"),
        ("_revinclude:iterate", "Patient:link"),
    )
    assert included(page) == ["hosp", "p1", "p2", "red"]
    once = await given.page(
        "Observation", ("_id", "o1"), ("_include", "Observation:patient"), ("_include", "Patient:organization")
    )
    assert included(once) == ["p1"]


async def test_reverse_includes(given: Given) -> None:
    page = await given.page(
        "Patient", ("_id", "p1"), ("_revinclude", "Condition:asserter"), ("_revinclude", "Encounter:patient")
    )
    assert included(page) == ["c2", "e1"]
    page = await given.page("Observation", ("_id", "o1"), ("_revinclude", "*"))
    assert included(page) == ["l1", "o3", "v1"]
    page = await given.page("Observation", ("_id", "o1"), ("_revinclude", "Observation:*"))
    assert included(page) == ["o3"]


async def test_what_matches_is_not_included_again(given: Given) -> None:
    page = await given.page(
        "Observation", ("_revinclude", "Observation:has-member"), ("_include", "Observation:has-member")
    )
    assert included(page) == []


async def test_too_many_includes_are_told(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kuska.fhir.store.search.includes.MOST_INCLUDES", 2)
    page = await given.page("Patient", ("_id", "p1"), ("_revinclude", "*"))
    assert len(page.includes) == 2
    assert [issue.message for issue in page.warnings] == ["search.too-many-includes"]


async def test_compartments(given: Given) -> None:
    mine = Compartment("Patient", "p1")
    assert await given.ids("Observation", compartment=mine) == ["o1", "o2"]
    assert await given.ids("Observation", ("code", "1"), compartment=mine) == ["o1"]
    assert await given.ids("Condition", compartment=mine) == ["c1", "c2"]
    assert await given.ids(None, compartment=mine) == ["c1", "c2", "e1", "o1", "o2", "p1", "p2"]
    assert await given.ids(None, ("_type", "Condition,Encounter"), compartment=mine) == ["c1", "c2", "e1"]
    assert await given.ids(None, compartment=Compartment("Encounter", "e1")) == ["c1", "e1", "o1"]
    assert await given.ids("Observation", compartment=Compartment("Practitioner", "doc")) == ["o1"]
    with pytest.raises(IncorrectError):
        await given.ids("Organization", compartment=mine)


async def test_the_whole_system(given: Given) -> None:
    assert await given.ids(None, ("_tag", "urn:t|vip")) == ["o2", "p1"]
    assert await given.ids(None, ("_type", "Patient,Organization")) == ["hosp", "p1", "p2", "red"]
    everything = await given.page(None, ("_total", "accurate"), ("_sort", "-_lastUpdated"))
    assert everything.total == len(NODES) - 1
    found, cursor = list[str](), ()
    while True:
        page = await given.page(None, ("_count", "3"), *cursor)
        found += [one.id for one in page.matches]
        if page.next is None:
            break
        cursor = (("_cursor", page.next),)
    assert sorted(found) == sorted(node["id"] for node in NODES if node["id"] != "gone")


async def test_sorted_pages_across_types(given: Given) -> None:
    found, cursor = list[str](), ()
    while True:
        page = await given.page(None, ("_sort", "_id"), ("_count", "2"), *cursor)
        found += [one.id for one in page.matches]
        if page.next is None:
            break
        cursor = (("_cursor", page.next),)
    assert found == sorted(node["id"] for node in NODES if node["id"] != "gone")


async def test_the_last_change_as_range_and_order(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kuska.fhir.store.search.sets.FEW", 1)
    moments = sorted(one.updated for one in (await given.page("Observation")).matches)
    for bound in ("ge2020", "le2099", "ge2020&_lastUpdated=le2099"):
        parameters = [("_lastUpdated", value) for value in bound.split("&_lastUpdated=")]
        page = await given.page("Observation", *parameters, ("_sort", "-_lastUpdated"))
        assert [one.updated for one in page.matches] == moments[::-1]
    assert await given.ids("Observation", ("_lastUpdated", "lt2020"), ("_sort", "_lastUpdated")) == []


async def test_no_total_unless_asked(given: Given) -> None:
    assert (await given.page("Patient")).total is None
    assert (await given.page("Patient", ("_total", "estimate"), ("name", "rosa"))).total == 1
    counted = await given.page("Patient", ("_summary", "count"))
    assert (counted.total, counted.matches) == (2, ())


async def test_a_cursor_of_another_search_is_refused(given: Given) -> None:
    first = await given.page("Observation", ("_count", "1"))
    assert first.next is not None
    await given.page("Observation", ("_count", "2"), ("_cursor", first.next))
    for parameters in (
        [("code", "1"), ("_cursor", first.next)],
        [("_cursor", first.next[:-2] + "AA")],
        [("_cursor", "é")],
    ):
        with pytest.raises(IncorrectError):
            await given.page("Observation", *parameters)
    with pytest.raises(IncorrectError):
        await given.page("Patient", ("_cursor", first.next))


async def test_lenient_says_what_it_ignored(given: Given) -> None:
    page = await given.page("Patient", ("nmae", "x"), ("family", "quispe"), handling="lenient")
    assert matched(page) == ["p2"]
    assert page.understood == (("family", "quispe"),)
    assert [issue.message for issue in page.warnings] == ["search.parameter-ignored"]


async def test_find_sees_the_own_transaction(given: Given) -> None:
    class UndoneError(Exception):
        pass

    with pytest.raises(UndoneError):
        async with given.db.write() as tx:
            node = {"resourceType": "Patient", "id": "new", "identifier": [{"system": "urn:dni", "value": "77"}]}
            await given.records.write(tx, [Change("put", "Patient", "new", node)])
            [hit] = await given.service.find("Patient", [("identifier", "urn:dni|77")], 2, tx)
            assert (hit.id, hit.version) == ("new", 1)
            assert len(await given.service.find("Patient", [], 2, tx)) == 2
            raise UndoneError


async def everything(given: Given, type_: Any, id_: str, *parameters: tuple[str, str]) -> tuple[list[str], list[str]]:
    found, beside = list[str](), list[str]()
    cursor: tuple[tuple[str, str], ...] = ()
    while True:
        page = await given.service.everything(EverythingRequest(type=type_, id=id_, parameters=(*parameters, *cursor)))
        found += [one.id for one in page.matches]
        beside += [one.id for one in page.includes]
        if page.next is None:
            return found, beside
        cursor = (("_cursor", page.next),)


@pytest.mark.parametrize("count", ["1", "2", "3", "100"])
async def test_everything_of_a_patient(given: Given, count: str) -> None:
    found, beside = await everything(given, "Patient", "p1", ("_count", count))
    assert found[0] == "p1"
    assert sorted(found) == ["c1", "c2", "e1", "o1", "o2", "p1", "p2"]
    assert sorted(beside) == ["doc", "hosp"]


async def test_everything_narrowed(given: Given) -> None:
    found, beside = await everything(given, "Patient", "p1", ("_type", "Observation,Practitioner"))
    assert (sorted(found), beside) == (["o1", "o2"], ["doc"])
    found, _ = await everything(given, "Patient", "p1", ("start", "2020-06"), ("_type", "Observation,Encounter"))
    assert found == ["o2"]
    found, _ = await everything(given, "Patient", "p1", ("end", "2020-06"), ("_type", "Observation,Encounter"))
    assert sorted(found) == ["e1", "o1"]
    assert await everything(given, "Patient", "p1", ("_since", "2099-01-01T00:00:00Z")) == ([], [])


async def test_everything_of_an_encounter(given: Given) -> None:
    found, beside = await everything(given, "Encounter", "e1")
    assert (sorted(found), sorted(beside)) == (["c1", "e1", "o1"], ["doc", "p1"])


async def test_everything_of_nobody(given: Given) -> None:
    with pytest.raises(NotFoundError):
        await everything(given, "Patient", "nobody")
    with pytest.raises(IncorrectError):
        await everything(given, "Patient", "p1", ("_sicne", "2020"))


@pytest.mark.parametrize("order", ["value-quantity", "-value-quantity"])
async def test_open_ended_values_have_their_place_on_every_page(given: Given, order: str) -> None:
    """`< 5` begins nowhere: a page may end on it and the next one go on behind it."""
    values = [{"value": 5, "comparator": "<"}, {"value": 9, "comparator": ">"}, {"value": 1}, {"value": 7}, None]
    nodes = [
        observation(f"open{n}", "p1", code=concept("open-ended"), **({} if value is None else {"valueQuantity": value}))
        for n, value in enumerate(values)
    ]
    await given.put(nodes)
    seen: list[str] = []
    more: tuple[tuple[str, str], ...] = ()
    while True:
        page = await given.page("Observation", ("code", "open-ended"), ("_sort", order), ("_count", "1"), *more)
        seen += matched(page)
        if page.next is None:
            break
        more = ((CURSOR, page.next),)
    assert sorted(seen) == [f"open{n}" for n in range(5)]
    assert seen[-1] == "open4"
