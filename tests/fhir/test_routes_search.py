"""search, compartments, $everything, $validate, /metadata over HTTP: what the bundles look like. What is found is the
search's own business (tests/fhir/store/search)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from tests.fhir import given
from tests.fhir.conftest import client_of, unguarded

from kuska.app.wiring import own_urls
from kuska.fhir.api import open_record
from kuska.fhir.errors import OtherZoneError, UnknownZoneError
from kuska.fhir.settings import FhirSettings
from kuska.infra.postgres.database import Database
from kuska.infra.postgres.migrate import discovered
from kuska.kit.messages import render

pytestmark = pytest.mark.requirement("HC-01")


async def family(client: httpx.AsyncClient, count: int) -> tuple[str, list[str]]:
    """A patient of this test's own with so many observations."""
    patient = (await client.post("Patient", json=given.identified(given.key()))).json()["id"]
    made = [await client.post("Observation", json=given.observation(f"Patient/{patient}", n)) for n in range(count)]
    return patient, [one.json()["id"] for one in made]


def links(body: given.Node) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in body["link"]}


def ids(body: given.Node, mode: str = "match") -> list[str]:
    return [one["resource"]["id"] for one in body.get("entry", []) if one["search"]["mode"] == mode]


async def test_a_searchset(client: httpx.AsyncClient) -> None:
    patient, observations = await family(client, 2)
    body = (
        await client.get(f"Observation?subject=Patient/{patient}&_include=Observation:subject&_total=accurate")
    ).json()
    assert (body["resourceType"], body["type"], body["total"]) == ("Bundle", "searchset", 2)
    assert set(ids(body)) == set(observations)
    assert ids(body, "include") == [patient]
    first = body["entry"][0]
    assert first["fullUrl"] == f"http://localhost/fhir/Observation/{first['resource']['id']}"
    assert first["resource"] == (await client.get(first["fullUrl"])).json()
    assert f"subject=Patient/{patient}" in links(body)["self"]
    assert "next" not in links(body)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("le2020-06-01", True),
        ("le2020-05-31", False),
        ("lt2020-06-01", False),
        ("lt2020-06-02", True),
        ("ge2020-06-05", True),
        ("ge2020-06-06", False),
        ("gt2020-06-05", False),
        ("gt2020-06-04", True),
        ("ge2020-06-03&date=le2020-06-03", True),
        ("eq2020-06-03", False),
        ("sa2020-05-31", True),
        ("eb2020-06-05", False),
    ],
)
@pytest.mark.parametrize("end", ["2020-06-05", "2020-06-05T08:00:00-05:00"])
async def test_a_stay_and_the_days_asked_for(client: httpx.AsyncClient, asked: str, end: str, *, found: bool) -> None:
    """Whoever asks for stays up to the first of June means the one that began that day, too."""
    value = given.key()
    stay = {
        "resourceType": "Encounter",
        "identifier": [{"value": value}],
        "status": "finished",
        "class": {"code": "IMP"},
        "period": {"start": "2020-06-01T10:00:00-05:00", "end": end},
    }
    assert (await client.post("Encounter", json=stay)).status_code == 201
    body = (await client.get(f"Encounter?identifier={value}&date={asked}")).json()
    assert bool(body.get("entry")) is found


async def test_nothing_found_has_no_empty_list(client: httpx.AsyncClient) -> None:
    body = (await client.get(f"Patient?identifier={given.key()}")).json()
    assert "entry" not in body


async def test_pages_follow_their_links(client: httpx.AsyncClient) -> None:
    patient, observations = await family(client, 7)
    url, seen = f"Observation?subject=Patient/{patient}&_count=3", []
    for expected in (3, 3, 1):
        body = (await client.get(url)).json()
        assert len(ids(body)) == expected
        seen += ids(body)
        again = (await client.get(links(body)["self"])).json()
        assert ids(again) == ids(body), "the self link answers the same page"
        url = links(body).get("next", "")
    assert url == ""
    assert sorted(seen) == sorted(observations)


async def test_by_post(client: httpx.AsyncClient) -> None:
    patient, observations = await family(client, 2)
    by_form = await client.post("Observation/_search", data={"subject": f"Patient/{patient}", "_count": "1"})
    assert by_form.status_code == 200, by_form.text
    body = by_form.json()
    assert len(ids(body)) == 1
    follow = (await client.get(links(body)["next"])).json()
    assert sorted(ids(body) + ids(follow)) == sorted(observations)
    mixed = await client.post(f"Observation/_search?_count=1&subject=Patient/{patient}")
    assert len(ids(mixed.json())) == 1


async def test_at_system_level_and_in_a_compartment(client: httpx.AsyncClient) -> None:
    patient, observations = await family(client, 2)
    system = (await client.get(f"?_type=Patient,Observation&_id={patient},{observations[0]}")).json()
    assert sorted(ids(system)) == sorted([patient, observations[0]])
    compartment = (await client.get(f"Patient/{patient}/Observation")).json()
    assert sorted(ids(compartment)) == sorted(observations)
    assert links(compartment)["self"].startswith(f"http://localhost/fhir/Patient/{patient}/Observation")
    everything_in_it = (await client.get(f"Patient/{patient}/*")).json()
    assert set(observations) <= set(ids(everything_in_it))


async def test_everything(client: httpx.AsyncClient) -> None:
    patient, observations = await family(client, 3)
    body = (await client.get(f"Patient/{patient}/$everything")).json()
    assert body["type"] == "searchset"
    assert {patient, *observations} <= {one["resource"]["id"] for one in body["entry"]}
    url, seen = f"Patient/{patient}/$everything?_count=2", list[str]()
    while url:
        page = (await client.get(url)).json()
        seen += [one["resource"]["id"] for one in page["entry"]]
        url = links(page).get("next", "")
    assert sorted(seen) == sorted([patient, *observations])
    given.is_outcome(await client.get("Patient/never-there/$everything"), 404)


async def test_unknown_parameters(client: httpx.AsyncClient) -> None:
    response = await client.get("Patient?famly=x")
    issue = given.is_outcome(response, 400)
    assert "famly" in issue["diagnostics"]
    lenient = await client.get(f"Patient?famly=x&identifier={given.key()}", headers={"prefer": "handling=lenient"})
    assert lenient.status_code == 200
    body = lenient.json()
    assert [one["search"]["mode"] for one in body["entry"]] == ["outcome"]
    assert body["entry"][0]["resource"]["resourceType"] == "OperationOutcome"
    assert "famly" not in links(body)["self"]


async def test_parts(client: httpx.AsyncClient) -> None:
    patient, _ = await family(client, 1)
    body = (await client.get(f"Patient?_id={patient}&_elements=gender")).json()
    assert set(body["entry"][0]["resource"]) == {"resourceType", "id", "meta", "active", "gender"}
    counted = (await client.get(f"Observation?subject=Patient/{patient}&_summary=count")).json()
    assert (counted["total"], "entry" in counted) == (1, False)


async def test_accents_do_not_matter(client: httpx.AsyncClient) -> None:
    value = given.key()
    await client.post("Patient", json=given.identified(value, name=[{"family": "Huamán Ñahui", "given": ["José"]}]))
    for name in ("huaman", "Huamán", "NAHUI", "jose"):
        body = (await client.get("Patient", params={"identifier": value, "name": name})).json()
        assert len(ids(body)) == 1, name


async def test_validate(client: httpx.AsyncClient) -> None:
    good = await client.post("Patient/$validate", json=given.patient())
    assert good.status_code == 200
    assert [issue["severity"] for issue in good.json()["issue"]] == ["information"]
    parameters: Any = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "mode", "valueCode": "create"},
            {"name": "resource", "resource": given.patient(gender="nonsense")},
        ],
    }
    bad = await client.post("Patient/$validate", json=parameters)
    assert bad.status_code == 200
    assert any(issue["severity"] == "error" for issue in bad.json()["issue"])
    given.is_outcome(await client.post("Patient/$validate?mode=destroy", json=given.patient()), 400)
    given.is_outcome(await client.post("Patient/$validate?profile=http://x", json=given.patient()), 400)
    given.is_outcome(await client.post("Patient/$validate", json=given.observation("Patient/1")), 400)
    id_ = (await client.post("Patient", json=given.patient())).json()["id"]
    assert (await client.get(f"Patient/{id_}/$validate")).status_code == 200
    assert (await client.post(f"Patient/{id_}/$validate?mode=delete")).status_code == 200
    given.is_outcome(await client.post("Patient/never-there/$validate?mode=delete"), 404)


async def test_metadata(client: httpx.AsyncClient) -> None:
    body = (await client.get("metadata")).json()
    assert (body["resourceType"], body["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    assert body["implementation"]["url"] == "http://localhost/fhir"
    patient = next(one for one in body["rest"][0]["resource"] if one["type"] == "Patient")
    assert {"name": "family", "type": "string"}.items() <= patient["searchParam"][
        [one["name"] for one in patient["searchParam"]].index("family")
    ].items()
    given.is_outcome(await client.get("metadata?mode=terminology"), 400, "interaction.bad-value")
    assert (await client.get("openapi.json")).json()["openapi"] == "3.0.3"


async def test_declared_parameters_are_all_understood(client: httpx.AsyncClient) -> None:
    """What the CapabilityStatement promises: no parameter of any type is answered 'unknown' or with a fault."""
    samples = {
        "date": "2020",
        "number": "1",
        "quantity": "1",
        "reference": "x1",
        "uri": "http://x",
        "token": "x",
    }
    body = (await client.get("metadata")).json()
    for one in body["rest"][0]["resource"]:
        query = [
            (parameter["name"], samples.get(parameter["type"], "x"))
            for parameter in one["searchParam"]
            if parameter["type"] in samples or parameter["type"] == "string"
        ]
        for start in range(0, len(query), 12):
            response = await client.get(one["type"], params=query[start : start + 12])
            assert response.status_code == 200, (one["type"], response.text)


# --- days of a place ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def record_of(db: Database, *own_urls: str, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    record = await open_record(db, FhirSettings(**settings), own_urls)
    async with client_of(unguarded(record)) as client:
        yield client


async def observed(client: httpx.AsyncClient, query: str) -> set[str]:
    response = await client.get(f"Observation?{query}")
    assert response.status_code == 200, response.text
    return set(ids(response.json()))


async def put_observation(client: httpx.AsyncClient, id_: str, **members: Any) -> None:
    node = given.observation("Patient/p1", id=id_, **members)
    assert (await client.put(f"Observation/{id_}", json=node)).status_code == 201


async def test_a_day_is_one_of_lima(fresh_db: Database) -> None:
    async with record_of(fresh_db) as client:
        await client.put("Patient/p1", json=given.patient(id="p1", birthDate="1987-01-15"))
        await put_observation(client, "evening", effectiveDateTime="2024-05-31T22:00:00-05:00")
        await put_observation(client, "day", effectiveDateTime="2024-05-31")
        await put_observation(client, "next", effectiveDateTime="2024-06-01T05:00:00Z")
        assert await observed(client, "date=2024-05-31") == {"evening", "day"}
        assert await observed(client, "date=2024-05") == {"evening", "day"}
        assert await observed(client, "date=2024-06-01") == {"next"}
        assert await observed(client, "date=ge2024-06-01") == {"next"}
        assert await observed(client, "date=lt2024-06-01") == {"evening", "day"}
        assert await observed(client, "date=2024-05-31T22:00") == {"evening"}
        assert await observed(client, "date=2024-06-01T03:00Z") == {"evening"}
        assert await observed(client, "patient.birthdate=1987-01-15") == {"evening", "day", "next"}
        assert await observed(client, "patient.birthdate=1987-01-14") == set()
        everything = await client.get("Patient/p1/$everything?start=2024-06-01&end=2024-06-01")
        assert set(ids(everything.json())) == {"p1", "next"}


async def test_days_of_25_and_23_hours_in_santiago(fresh_db: Database) -> None:
    async with record_of(fresh_db, zone="America/Santiago") as client:
        times = {
            "first": "2024-04-06T23:30:00-03:00",
            "again": "2024-04-06T23:30:00-04:00",
            "after": "2024-04-07T00:00:00-04:00",
            "before": "2024-09-07T23:59:59-04:00",
            "jump": "2024-09-08T01:00:00-03:00",
            "late": "2024-09-08T23:59:59-03:00",
        }
        for id_, time in times.items():
            await put_observation(client, id_, effectiveDateTime=time)
        await put_observation(client, "sunday", effectiveDateTime="2024-09-08")
        assert await observed(client, "date=2024-04-06") == {"first", "again"}
        assert await observed(client, "date=2024-04-06T23:30") == {"first", "again"}
        assert await observed(client, "date=2024-04-07") == {"after"}
        assert await observed(client, "date=2024-09-07") == {"before"}
        assert await observed(client, "date=2024-09-08") == {"jump", "late", "sunday"}


async def test_moments_of_the_record_are_asked_for_by_local_days(fresh_db: Database) -> None:
    """`_lastUpdated`, `_since` and `_at`, whenever this runs: the zone is the farthest from UTC's day."""
    async with record_of(fresh_db, zone="Pacific/Kiritimati") as client:  # +14
        await put_observation(client, "now")
        stored = (await client.get("Observation/now")).json()["meta"]["lastUpdated"]
        here = datetime.fromisoformat(stored).astimezone(ZoneInfo("Pacific/Kiritimati")).date()
        yesterday, tomorrow = here - timedelta(days=1), here + timedelta(days=1)
        assert await observed(client, f"_lastUpdated={here}") == {"now"}
        assert await observed(client, f"_lastUpdated={yesterday}") == set()
        assert await observed(client, f"_lastUpdated=ge{tomorrow}") == set()
        for path, inside, outside in (
            ("Observation/_history?_since={}", here, tomorrow),
            ("Observation/now/_history?_since={}", here, tomorrow),
            ("Observation/_history?_at={}", here, yesterday),
            ("Observation/now/_history?_at={}", here, yesterday),
        ):
            assert len((await client.get(path.format(inside))).json()["entry"]) == 1, path
            assert "entry" not in (await client.get(path.format(outside))).json(), path


async def test_a_record_keeps_the_zone_it_began_with(fresh_db: Database) -> None:
    await open_record(fresh_db, FhirSettings(zone="America/Santiago"))
    await open_record(fresh_db, FhirSettings(zone="America/Santiago"))
    with pytest.raises(OtherZoneError) as refused:
        await open_record(fresh_db, FhirSettings(zone="America/Lima"))
    for lang in ("es", "en"):
        assert "KUSKA_FHIR_ZONE=America/Santiago" in render(refused.value.issues[0], lang)


async def test_a_record_from_before_the_setting_stays_with_utc(fresh_db: Database) -> None:
    [migration] = [each for each in discovered() if each.name.endswith("_pre_zone.sql")]
    async with record_of(fresh_db, zone="UTC") as client:
        await put_observation(client, "old")
    async with fresh_db.write() as tx:
        await tx.execute("delete from fhir.setting where name = 'zone'")
        await tx.execute(migration.sql)
    with pytest.raises(OtherZoneError):
        await open_record(fresh_db, FhirSettings())
    await open_record(fresh_db, FhirSettings(zone="UTC"))


async def test_a_zone_that_does_not_exist(fresh_db: Database) -> None:
    with pytest.raises(UnknownZoneError) as refused:
        await open_record(fresh_db, FhirSettings(zone="America/Cuzco"))
    for lang in ("es", "en"):
        assert "KUSKA_FHIR_ZONE=America/Cuzco" in render(refused.value.issues[0], lang)


# --- this server's own addresses, units as people write them -----------------------------------------------------------


async def test_a_reference_by_our_own_address_is_to_this_record(fresh_db: Database) -> None:
    addresses = own_urls("127.0.0.1", 18001)
    async with record_of(fresh_db, *addresses, base_url="https://record.example.org/fhir") as client:
        await client.put("Patient/p1", json=given.patient(id="p1"))
        bases = ["", "https://record.example.org/fhir/", *(f"{url}/" for url in addresses)]
        for number, base in enumerate(bases):
            node = given.observation(f"{base}Patient/p1", id=f"o{number}")
            assert (await client.put(f"Observation/o{number}", json=node)).status_code == 201
        await client.put(
            "Observation/other", json=given.observation("http://127.0.0.1:18002/fhir/Patient/p1", id="other")
        )
        ours = {f"o{number}" for number in range(len(bases))}
        for base in bases:
            assert await observed(client, f"subject={base}Patient/p1") == ours, base
        assert await observed(client, "patient=p1") == ours
        assert await observed(client, "subject=http://127.0.0.1:18002/fhir/Patient/p1") == {"other"}
        assert await observed(client, "patient.active=true") == ours
        page = (await client.get("Observation?_id=o3&_include=Observation:subject")).json()
        assert ids(page, "include") == ["p1"]
        assert set(ids((await client.get("Patient/p1/$everything")).json())) == {"p1", *ours}


def test_own_addresses() -> None:
    assert own_urls("127.0.0.1", 8080) == [
        "http://127.0.0.1:8080/fhir",
        "http://localhost:8080/fhir",
        "http://[::1]:8080/fhir",
    ]
    assert own_urls("::1", 8080)[0] == "http://[::1]:8080/fhir"
    assert own_urls("Record.example", 80)[:2] == ["http://record.example:80/fhir", "http://record.example/fhir"]


async def test_a_unit_is_found_by_what_people_write(fresh_db: Database) -> None:
    async with record_of(fresh_db) as client:
        ucum = {"value": 120, "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
        await put_observation(client, "coded", valueQuantity={**ucum, "unit": "mmHg"})
        await put_observation(client, "text", valueQuantity={"value": 120, "unit": "mmHg"})
        await put_observation(client, "water", valueQuantity={**ucum, "unit": "cmH2O", "code": "cm[H2O]"})
        await put_observation(client, "number", valueQuantity={"value": 120})
        assert await observed(client, "value-quantity=120||mmHg") == {"coded", "text"}
        assert await observed(client, "value-quantity=gt119||mmHg") == {"coded", "text"}
        assert await observed(client, "value-quantity=121||mmHg") == set()
        assert await observed(client, "value-quantity=120||mm[Hg]") == {"coded"}
        assert await observed(client, "code-value-quantity=4548-4$120||mmHg") >= {"coded"}
        assert "water" not in await observed(client, "code-value-quantity=4548-4$120||mmHg")
