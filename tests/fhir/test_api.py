"""The record's door for other contexts: the same rules as over HTTP, on plain nodes."""

from __future__ import annotations

import pytest
from tests.fhir import given

from kuska.fhir import api
from kuska.fhir.api import Record
from kuska.kit.errors import KuskaError

pytestmark = pytest.mark.requirement("HC-01")


async def test_create_read_search(record: Record) -> None:
    value = given.key()
    saved = await api.create(record, given.identified(value))
    assert (saved.type, saved.version, saved.state) == ("Patient", 1, "created")
    found = await api.read(record, "Patient", saved.id)
    assert found is not None
    assert found["identifier"][0]["value"] == value
    page = await api.search(record, "Patient", [("identifier", value)])
    assert [one["id"] for one in page.matches] == [saved.id]
    assert await api.read(record, "Patient", "never-there") is None


async def test_upsert_many_is_all_or_none_and_idempotent(record: Record) -> None:
    nodes = [given.patient(id=given.key()) for _ in range(3)]
    first = await api.upsert_many(record, nodes)
    assert [one.state for one in first] == ["created"] * 3
    nodes[1] = {**nodes[1], "active": False}
    second = await api.upsert_many(record, nodes)
    assert [(one.state, one.version) for one in second] == [("unchanged", 1), ("updated", 2), ("unchanged", 1)]
    late = given.patient(id=given.key())
    with pytest.raises(KuskaError):
        await api.upsert_many(record, [late, given.patient(gender="nonsense")])
    assert await api.read(record, "Patient", late["id"]) is None
    assert await api.upsert_many(record, []) == []


async def test_everything_and_transaction(record: Record) -> None:
    patient = "urn:uuid:00000000-0000-0000-0000-000000000001"
    answer = await api.transaction(
        record,
        given.bundle(
            "transaction",
            given.entry("POST", "Observation", given.observation(patient, 5)),
            given.entry("POST", "Patient", given.patient(), patient),
        ),
    )
    id_ = answer["entry"][1]["response"]["location"].split("/")[1]
    page = await api.everything(record, "Patient", id_)
    assert {node["resourceType"] for node in (*page.matches, *page.includes)} == {"Patient", "Observation"}


async def test_what_is_no_resource_is_refused(record: Record) -> None:
    for wrong in ({}, {"resourceType": "Nonsense"}, given.patient(gender="nonsense")):
        with pytest.raises(KuskaError):
            await api.create(record, wrong)
