"""The population in a record: as transactions with ids of the record, and by the demo's own way."""

from __future__ import annotations

from collections import Counter

import pytest

from kuska.app.demo.population.facilities import facilities
from kuska.app.demo.population.links import Ids
from kuska.app.demo.population.people import life
from kuska.app.demo.seeding import seed_demo
from kuska.fhir import api
from kuska.infra.postgres.database import Database
from kuska.kit.errors import KuskaError
from kuska.kit.json import Node, decode, encode
from kuska.security.api import visit_off

SEED = 33


def _states(answer: Node) -> Counter[str]:
    return Counter(entry["response"]["status"][:3] for entry in answer["entry"])


@pytest.mark.requirement("LW-24")
async def test_lives_are_transactions_with_ids_of_the_record(fresh_db: Database) -> None:
    record = await (await api.open_record(fresh_db)).for_visit(visit_off())
    shared = facilities(SEED, Ids.SERVER)
    count = len(shared["entry"])
    assert _states(await api.transaction(record, decode(encode(shared)))) == {"201": count}
    # Conditional creates: what is there stays.
    assert _states(await api.transaction(record, decode(encode(shared)))) == {"200": count}
    one = life(4, SEED, ids=Ids.SERVER)
    answer = await api.transaction(record, decode(encode(one.bundle())))
    assert _states(answer) == {"201": len(one.nodes)}
    patient = answer["entry"][0]["response"]["location"].split("/")[1]
    found = await api.everything(record, "Patient", patient, [("_count", "1000")])
    own = Counter(node["resourceType"] for node in one.resources())
    stored = Counter(node["resourceType"] for node in found.matches)
    assert own <= stored
    doctor = next(node for node in found.matches if node["resourceType"] == "Patient")["generalPractitioner"][0]
    assert doctor["reference"].startswith("Practitioner/")


async def test_a_life_without_its_facilities_is_refused_whole(fresh_db: Database) -> None:
    record = await (await api.open_record(fresh_db)).for_visit(visit_off())
    with pytest.raises(KuskaError):
        await api.transaction(record, decode(encode(life(4, SEED, ids=Ids.SERVER).bundle())))
    assert (await api.search(record, "Patient", [])).matches == ()


async def test_the_demo_is_there_once(fresh_db: Database) -> None:
    record = await (await api.open_record(fresh_db)).for_visit(visit_off())
    first = await seed_demo(record, 8, seed=SEED)
    assert first.added == 8
    assert (await seed_demo(record, 8, seed=SEED)).resources == 0
    page = await api.search(record, "Patient", [("_count", "50")])
    assert len(page.matches) == 8
    assert all(node["meta"]["versionId"] == "1" for node in page.matches)
