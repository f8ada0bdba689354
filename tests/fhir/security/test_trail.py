"""Who did what with whose data: every request leaves its line, and a write has it in its own transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.fhir import given
from tests.fhir.conftest import client_of
from tests.fhir.given import bundle, entry
from tests.fhir.security.conftest import NOW, Doorkeeper, House, Told, about, accounts, caller, ids

from kuska.fhir.api import open_record
from kuska.fhir.routes import FhirApp
from kuska.fhir.store.records import Change
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SetClock
from kuska.security.api import AuditTrail, Event, Visit, visit_off
from kuska.security.domain.policy import Place
from kuska.security.domain.trail_block import unpacked
from kuska.security.settings import SecuritySettings
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.policy import Policy
from kuska.security.usecases.roles import Roles
from kuska.security.usecases.trail.running import open_trail
from kuska.security.usecases.unrestricted import Unrestricted

pytestmark = pytest.mark.requirement("HC-09", "LW-28")


async def told(house: House, name: str, method: str, path: str, **more: Any) -> tuple[httpx.Response, list[Event]]:
    place = len(house.trail.events)
    answer = await house[name].request(method, path, **more)
    return answer, house.trail.since(place)


async def test_a_read_says_who_what_whose_and_what_for(house: House) -> None:
    _, [line] = await told(house, "drcano", "GET", "Observation/anna-1", headers={"x-request-id": "r-7"})
    assert (line.action, line.interaction, line.outcome, line.kind) == ("R", "read", "0", "rest")
    assert (line.entities, line.patients) == (("Observation/anna-1",), ("anna",))
    assert (line.caller.account, line.caller.address, line.purpose) == ("account-drcano", "127.0.0.1", "TREAT")
    assert (line.request, line.at) == ("r-7", NOW)


@pytest.mark.parametrize(
    ("path", "interaction", "entities"),
    [
        ("Observation/anna-1/_history/1", "vread", {"Observation/anna-1"}),
        ("Observation/anna-1/_history", "history-instance", {"Observation/anna-1"}),
        ("Observation?_id=anna-1,anna-3", "search-type", {"Observation/anna-1", "Observation/anna-3"}),
        ("Observation?_id=anna-1&_include=Observation:subject", "search-type", {"Observation/anna-1", "Patient/anna"}),
        ("Patient/anna/Condition", "search-compartment", {"Condition/anna-tos"}),
        ("Observation?_id=anna-1&_summary=count", "search-type", set[str]()),
    ],
)
async def test_all_that_was_given_is_named(house: House, path: str, interaction: str, entities: set[str]) -> None:
    _, [line] = await told(house, "drcano", "GET", path)
    assert line.interaction == interaction
    assert set(line.entities) == entities
    assert set(line.patients) == ({"anna"} if entities else set())
    if "?" in path:
        assert line.query == path.partition("?")[2]


async def test_a_search_by_post_is_told_with_its_form(house: House) -> None:
    _, [line] = await told(house, "drcano", "POST", "Observation/_search", data={"_id": "anna-1"})
    assert line.query == "_id=anna-1"


async def test_everything_is_told_in_full(house: House) -> None:
    answer, [line] = await told(house, "anna", "GET", "Patient/anna/$everything?_count=500")
    assert sorted(line.entities) == ids(answer)


async def test_nothing_new_is_read_nevertheless(house: House) -> None:
    etag = (await house["drcano"].get("Observation/anna-1")).headers["etag"]
    answer, [line] = await told(house, "drcano", "GET", "Observation/anna-1", headers={"if-none-match": etag})
    assert answer.status_code == 304
    assert line.entities == ("Observation/anna-1",)


@pytest.mark.parametrize(
    ("name", "method", "path", "reason"),
    [
        ("anna", "GET", "Observation/berta-1", "interaction.not-found"),
        ("anna", "GET", "Observation/nobody-1", "interaction.not-found"),
        ("anna", "DELETE", "Observation/anna-1", "security.scope"),
        ("anna", "GET", "_history", "security.scope"),
        ("drcano", "PUT", "Observation/berta-1", "security.scope"),
        ("anna", "GET", "Nonsense/1", "interaction.unknown-type"),
        ("anna", "GET", "Observation?nonsense=1", "search.unknown-parameter"),
    ],
)
async def test_what_was_not_given_is_told_at_once(house: House, name: str, method: str, path: str, reason: str) -> None:
    body = {"json": about("anna", "berta-1")} if method == "PUT" else {}
    _, [line] = await told(house, name, method, path, **body)
    assert line.outcome == "4"
    assert line.reason.startswith(reason)
    assert line.patients == (("anna",) if body else ())  # of whose data the body is
    assert line in house.trail.kept
    if "berta-1" in path:
        assert line.entities == ("Observation/berta-1",)


async def test_each_refused_entry_of_a_batch_has_its_line(house: House) -> None:
    asked = bundle("batch", entry("GET", "Observation/anna-1"), entry("GET", "Observation/berta-1"))
    _, lines = await told(house, "drcano", "POST", "", json=asked)
    assert [(line.interaction, line.outcome, line.entities) for line in lines] == [
        ("read", "4", ("Observation/berta-1",)),
        ("bundle", "0", ("Observation/anna-1",)),
    ]


async def test_writes_are_told_one_by_one_with_whose_it_was_and_is(house: House) -> None:
    answer, [line] = await told(house, "drcano", "POST", "Observation", json=about("anna", "x"))
    id_ = answer.headers["location"].split("/")[-3]
    assert (line.action, line.entities, line.patients) == ("C", (f"Observation/{id_}",), ("anna",))
    note = [{"op": "add", "path": "/note", "value": [{"text": "x"}]}]
    json_patch = {"content-type": "application/json-patch+json"}
    _, [line] = await told(house, "drcano", "PATCH", f"Observation/{id_}", json=note, headers=json_patch)
    assert (line.action, line.interaction, line.entities) == ("U", "patch", (f"Observation/{id_}",))
    both = bundle(
        "transaction",
        entry("POST", "Observation", about("anna", "x")),
        entry("POST", "Observation", about("anna", "y")),
    )
    _, lines = await told(house, "drcano", "POST", "", json=both)
    assert [line.action for line in lines] == ["C", "C"]


async def test_a_deletion_says_whose_it_was(house: House) -> None:
    await house.put(about("anna", "short-lived"))
    visit = Visit(Unrestricted(caller("results"), "TREAT"), house.trail, SetClock(NOW))
    record = await house.archive.for_visit(visit)
    place = len(house.trail.events)
    await record.write([Change("delete", "Observation", "short-lived")])
    [line] = house.trail.since(place)
    assert (line.action, line.entities, line.patients) == ("D", ("Observation/short-lived",), ("anna",))


# --- in the database ---------------------------------------------------------------------------------------------------


class Failing(Told):
    """Its lines do not fit."""

    def columns(self, events: Sequence[Event]) -> tuple[Sequence[Any], ...]:
        found = super().columns(events)
        return (["no uuid"], *found[1:])


async def test_no_write_without_its_line(fresh_db: Database) -> None:
    archive = await open_record(fresh_db)
    for trail, there in ((Failing(), 0), (Told(), 1)):
        record = await archive.for_visit(Visit(Unrestricted(caller("results"), "TREAT"), trail, SetClock(NOW)))
        change = Change("create", "Patient", None, given.patient())
        if there:
            await record.write([change])
        else:
            with pytest.raises(Exception, match="uuid"):
                await record.write([change])
        async with fresh_db.read() as conn:
            assert await conn.fetchval("select count(*) from fhir.resource") == there
            assert await conn.fetchval("select count(*) from security.event_block") == there


async def test_many_writes_of_one_statement_have_a_line_each(fresh_db: Database) -> None:
    """More than lie in one block, with deletions among them, whose owners are asked for together."""
    trail = Told()
    visit = Visit(Unrestricted(caller("results"), "TREAT"), trail, SetClock(NOW))
    record = await (await open_record(fresh_db)).for_visit(visit)
    people = await record.write([Change("create", "Patient", None, given.patient()) for _ in range(3)])
    ids = [one.stored.id for one in people]
    notes = [
        Change("put", "Observation", f"o{number}", given.observation(f"Patient/{ids[number % 3]}", id=f"o{number}"))
        for number in range(70)
    ]
    await record.write(notes)
    await record.write([Change("delete", "Observation", f"o{number}") for number in range(70)])
    assert [line.action for line in trail.events[:73]] == ["C"] * 3 + ["U"] * 70
    assert {line.entities[0]: line.patients for line in trail.events[3:73]} == {
        f"Observation/o{number}": (ids[number % 3],) for number in range(70)
    }
    assert {(line.action, line.entities[0]): line.patients for line in trail.events[73:]} == {
        ("D", f"Observation/o{number}"): (ids[number % 3],) for number in range(70)
    }
    async with fresh_db.read() as conn:
        rows = await conn.fetch("select lines from security.event_block")
    assert sum(len(unpacked(row["lines"])) for row in rows) == 143
    assert len(rows) == 5


async def test_a_write_of_nobody_in_particular_is_not_told(fresh_db: Database) -> None:
    record = await (await open_record(fresh_db)).for_visit(visit_off())
    await record.write([Change("create", "Patient", None, given.patient())])
    async with fresh_db.read() as conn:
        assert await conn.fetchval("select count(*) from security.event_block") == 0


@pytest.fixture
async def audited(fresh_db: Database, tmp_path: Path) -> AsyncIterator[tuple[FhirApp, AuditTrail]]:
    clock, epoch = SetClock(NOW), Epoch(fresh_db)
    async with open_trail(fresh_db, SecuritySettings(), clock, tmp_path) as trail:
        archive = await open_record(fresh_db)
        record = await archive.for_visit(visit_off())
        await record.write([Change("put", "Patient", "anna", given.patient(id="anna"))])
        await record.write([Change("put", "Observation", "anna-1", given.observation("Patient/anna", id="anna-1"))])
        await fresh_db.transact(accounts)
        policy = Policy(fresh_db, Roles(fresh_db, SecuritySettings(), clock, epoch), Place("demo", "PE"), clock, epoch)
        told_to: Any = trail
        yield FhirApp(archive, Doorkeeper(policy, told_to, clock), trail=trail), trail


def client(app: FhirApp, name: str) -> httpx.AsyncClient:
    opened = client_of(app)
    opened.headers["authorization"] = f"Bearer {name}"
    return opened


async def test_whose_data_was_tried_for_is_found_by_the_patient(audited: tuple[FhirApp, AuditTrail]) -> None:
    """Berta is not even there; the line is the same as if she were."""
    app, trail = audited
    async with client(app, "drcano") as doctor, client(app, "auditor") as auditor:
        await doctor.get("Patient/berta")
        await doctor.get("Patient/berta/Observation")
        await doctor.get("Observation?patient=berta")
        await doctor.post("Observation", json=about("berta", "x"))
        await trail.settled()
        found = (await auditor.get("AuditEvent?patient=berta")).json()["entry"]
    assert len(found) == 4
    assert sorted(one["resource"]["outcome"] for one in found) == ["0", "0", "4", "4"]
    assert all("Patient/berta" in str(one["resource"]["entity"]) for one in found)


async def test_the_trail_is_read_as_audit_events(audited: tuple[FhirApp, AuditTrail]) -> None:
    app, _ = audited
    async with client(app, "results") as results, client(app, "auditor") as auditor, client(app, "anna") as anna:
        await results.get("Observation/anna-1")
        await results.put("Observation/anna-1", json=given.observation("Patient/anna", id="anna-1", value=7))
        await results.get("Observation/nobody")
        found = (await auditor.get("AuditEvent?patient=Patient/anna")).json()
        assert [one["resource"]["action"] for one in found["entry"]] == ["U", "R"]
        read = found["entry"][1]["resource"]
        assert (await auditor.get(f"AuditEvent/{read['id']}")).json() == read
        assert (await auditor.get(f"AuditEvent?_id={read['id']}")).json()["entry"][0]["resource"] == read
        failed = (await auditor.get("AuditEvent?outcome=4&agent=account-results&date=2026-11-21&_count=1")).json()
        assert failed["entry"][0]["resource"]["action"] == "R"
        assert (await auditor.get("AuditEvent?date=lt2026-11-21")).json().get("entry") is None
        first = (await auditor.get("AuditEvent?_count=2")).json()
        [following] = [link["url"] for link in first["link"] if link["relation"] == "next"]
        second = (await auditor.get(following)).json()
        assert {one["resource"]["id"] for one in first["entry"]}.isdisjoint(
            one["resource"]["id"] for one in second["entry"]
        )
        # That the auditor looked is in the trail, too.
        looked = (await auditor.get("Patient/anna/AuditEvent?agent=account-auditor")).json()
        assert looked["entry"]
        for answer in (
            await results.get("AuditEvent"),
            await results.get(f"AuditEvent/{read['id']}"),
            await anna.get("AuditEvent?patient=anna"),
            await auditor.post("AuditEvent", json=read),
            await auditor.put(f"AuditEvent/{read['id']}", json=read),
            await auditor.delete(f"AuditEvent/{read['id']}"),
        ):
            assert answer.status_code == 403
        given.is_outcome(await auditor.get("AuditEvent?nonsense=1"), 400)
        given.is_outcome(await auditor.get("AuditEvent/unknown"), 404, "interaction.not-found")


async def test_reads_that_must_be_kept_are_kept_before_the_answer(audited: tuple[FhirApp, AuditTrail]) -> None:
    app, trail = audited
    kept: list[Event] = []
    keep = trail.keep

    async def counted(event: Event) -> None:
        kept.append(event)
        await keep(event)

    trail.keep = counted  # type: ignore[method-assign]
    async with client(app, "auditor") as auditor:
        await auditor.get("AuditEvent")
    assert [replace(line, id="").outcome for line in kept] == ["0"]
