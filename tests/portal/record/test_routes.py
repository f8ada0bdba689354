"""GET /paciente/{id} over HTTP on a record with synthetic people."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from statistics import median
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from kuska.app.demo.population.links import Ids
from kuska.app.demo.population.people import Life, people
from kuska.app.demo.seeding import seed_demo
from kuska.countries.registry import pack
from kuska.fhir import api
from kuska.fhir.api import Archive, Record
from kuska.fhir.usecases.nobody import nobody
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SystemClock
from kuska.kit.json import Node
from kuska.portal.record.routes import build
from kuska.security.api import Event, Visit, visit_off

pytestmark = pytest.mark.requirement("HC-02")

COUNT, SEED = 30, 21


def _client(archive: Archive, visit: Visit) -> httpx.AsyncClient:
    """The page, its visitors let in as this visit."""
    site = FastAPI(openapi_url=None)
    site.include_router(build(archive, SystemClock()))

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await site({**scope, "state": {"visit": visit}}, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost")


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    return list(people(COUNT, SEED, ids=Ids.CLIENT))


@pytest.fixture(scope="module")
async def archive(db: Database) -> Archive:
    archive = await api.open_record(db)
    await seed_demo(await archive.for_visit(visit_off()), COUNT, seed=SEED)
    return archive


@pytest.fixture(scope="module")
async def record(archive: Archive) -> Record:
    return await archive.for_visit(visit_off())


@pytest.fixture
async def client(archive: Archive) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(archive, visit_off()) as client:
        yield client


async def test_summary_by_the_records_id(client: httpx.AsyncClient, lives: list[Life]) -> None:
    one = lives[3]
    answer = await client.get(f"/paciente/{one.patient}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    page = answer.json()
    patient = next(one.resources())
    assert page["identificacion"]["nombre"] == patient["name"][0]["text"]
    assert page["completo"] is True
    assert len(page["atenciones"]) == min(10, sum(node["resourceType"] == "Encounter" for node in one.resources()))


async def test_summary_by_document_however_it_is_written(client: httpx.AsyncClient, lives: list[Life]) -> None:
    for one in (next(one for one in lives if one.country == code) for code in ("PE", "CL")):
        scheme = pack(one.country).documents[0]
        for text in (one.document, scheme.present(one.document), one.document.lower()):
            answer = await client.get(f"/paciente/{text}")
            assert answer.status_code == 200, text
            assert answer.json()["identificacion"]["id"] == one.patient


@pytest.mark.parametrize(
    ("text", "status", "key"),
    [
        ("no-such-patient", 404, ""),
        ("12531909-2", 404, ""),
        ("with_underscore", 400, "portal.bad-patient-id"),
        ("x" * 65, 400, "portal.bad-patient-id"),
    ],
)
async def test_who_is_not_found(client: httpx.AsyncClient, text: str, status: int, key: str) -> None:
    answer = await client.get(f"/paciente/{text}")
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["familia"] == {404: "not-found", 400: "incorrect"}[status]
    assert error["problemas"][0]["mensaje"]
    if key:
        assert error["problemas"][0]["clave"] == key


async def test_errors_are_said_in_the_readers_language(client: httpx.AsyncClient) -> None:
    texts = {
        lang: (await client.get("/paciente/a_b", headers={"accept-language": lang})).json()["error"]["problemas"][0][
            "mensaje"
        ]
        for lang in ("es-PE", "en")
    }
    assert "dígito" in texts["es-PE"]
    assert "check digit" in texts["en"]


async def test_one_document_in_two_patients_is_a_conflict(record: Record, client: httpx.AsyncClient) -> None:
    twin: Node = {
        "resourceType": "Patient",
        "identifier": [{"system": "http://regcivil.cl/Validacion/RUN", "value": "76086428-5"}],
    }
    for _ in range(2):
        await api.create(record, dict(twin))
    answer = await client.get("/paciente/76.086.428-5")
    assert answer.status_code == 409
    assert answer.json()["error"]["problemas"][0]["clave"] == "portal.several-patients"


async def test_who_may_see_nothing_is_told_nothing(archive: Archive, lives: list[Life]) -> None:
    async with _client(archive, nobody()) as client:
        answers = [await client.get(f"/paciente/{text}") for text in (lives[0].document, lives[0].patient, "no-such")]
    assert {answer.status_code for answer in answers} == {403}
    assert lives[0].document not in answers[0].text


@pytest.mark.requirement("HC-09")
async def test_a_page_that_is_not_given_says_whose_it_was(archive: Archive, lives: list[Life]) -> None:
    """By the id in the address, whether there is such a patient or not; a document's number stays out of the trail."""
    told: list[Event] = []
    one = lives[0]
    for text in (one.patient, "no-such", one.document):
        visit = Visit(nobody().access, _Keeping(told), SystemClock())
        async with _client(archive, visit) as client:
            assert (await client.get(f"/paciente/{text}")).status_code == 403
    assert [line.patients for line in told] == [(one.patient,), ("no-such",), ()]


class _Keeping:
    def __init__(self, told: list[Event]) -> None:
        self._told = told

    def note(self, event: Event) -> None:
        self._told.append(event)

    async def keep(self, event: Event) -> None:
        self._told.append(event)

    def columns(self, events: Sequence[Event]) -> tuple[Sequence[Any], ...]:
        raise NotImplementedError


async def test_seeding_again_adds_nothing_and_more_adds_the_rest(record: Record) -> None:
    again = await seed_demo(record, COUNT, seed=SEED)
    assert (again.added, again.resources) == (0, 0)
    more = await seed_demo(record, COUNT + 2, seed=SEED)
    assert more.added == 2


async def test_summary_is_quick(client: httpx.AsyncClient, lives: list[Life]) -> None:
    """The goal is under 50 ms; the test allows for a busy machine: the best of a few rounds, each summary by itself."""
    best = [float("inf")] * len(lives)
    for _ in range(10):
        for place, one in enumerate(lives):
            begun = time.perf_counter()
            assert (await client.get(f"/paciente/{one.patient}")).status_code == 200
            best[place] = min(best[place], time.perf_counter() - begun)
        if median(best) < 0.15:
            break
    assert median(best) < 0.15, best
