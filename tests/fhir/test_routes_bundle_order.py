"""Transactions: what is deleted is gone for all the other entries; errors name their place; versions of placeholders."""

from __future__ import annotations

import httpx
import pytest
from tests.fhir import given
from tests.fhir.given import bundle, entry
from tests.fhir.test_routes_bundle import read, sent, total

pytestmark = pytest.mark.requirement("HC-01")


async def test_what_is_deleted_meets_no_condition_of_the_same_transaction(client: httpx.AsyncClient) -> None:
    value = given.key()
    old = (await client.post("Patient", json=given.identified(value))).json()["id"]
    answers = await sent(
        client,
        entry("POST", "Patient", given.identified(value), ifNoneExist=f"identifier={value}"),
        entry("POST", "Observation", given.observation(f"Patient?identifier={value}")),
        entry("DELETE", f"Patient/{old}"),
    )
    assert [answer["response"]["status"][:3] for answer in answers] == ["201", "201", "204"]
    found = (await client.get(f"Patient?identifier={value}")).json()["entry"]
    assert len(found) == 1
    new = found[0]["resource"]["id"]
    assert new != old
    observation = await read(client, answers[1]["response"]["location"])
    assert observation["subject"]["reference"] == f"Patient/{new}"


async def test_deletions_leave_one_of_several(client: httpx.AsyncClient) -> None:
    value = given.key()
    made = [(await client.post("Patient", json=given.identified(value))).json()["id"] for _ in range(4)]
    deletions = [entry("DELETE", f"Patient/{id_}") for id_ in made[:3]]
    update = entry("PUT", f"Patient?identifier={value}", given.identified(value, active=False))
    answers = await sent(client, update, *deletions)
    assert answers[0]["response"]["location"].startswith(f"Patient/{made[3]}/")
    assert await total(client, value) == 1
    by_name = given.key()
    named = [given.patient(name=[{"family": by_name}])] * 4
    twins = [(await client.post("Patient", json=one)).json()["id"] for one in named]
    still_two = bundle(
        "transaction",
        entry("PUT", f"Patient?family={by_name}", given.patient()),
        *(entry("DELETE", f"Patient/{id_}") for id_ in twins[:2]),
    )
    given.is_outcome(await client.post("", json=still_two), 412, "interaction.several-matches")


async def test_a_conditional_deletion_comes_first_too(client: httpx.AsyncClient) -> None:
    value = given.key()
    old = (await client.post("Patient", json=given.identified(value))).json()["id"]
    condition = f"identifier={value}"
    answers = await sent(
        client,
        entry("POST", "Observation", given.observation(f"Patient?{condition}")),
        entry("POST", "Patient", given.identified(value), ifNoneExist=condition),
        entry("DELETE", f"Patient?{condition}"),
    )
    assert [answer["response"]["status"][:3] for answer in answers] == ["201", "201", "204"]
    new = answers[1]["response"]["location"].partition("/_history")[0]
    assert (await read(client, answers[0]["response"]["location"]))["subject"]["reference"] == new != f"Patient/{old}"


async def test_a_reference_to_what_is_deleted_finds_nothing(client: httpx.AsyncClient) -> None:
    value = given.key()
    old = (await client.post("Patient", json=given.identified(value))).json()["id"]
    wrong = bundle(
        "transaction",
        entry("DELETE", f"Patient/{old}"),
        entry("POST", "Observation", given.observation(f"Patient?identifier={value}")),
    )
    given.is_outcome(await client.post("", json=wrong), 412, "interaction.no-match")
    assert await total(client, value) == 1


@pytest.mark.parametrize(
    ("wrong", "status", "message", "place"),
    [
        (
            entry("PUT", "Patient/a", given.patient(id="b")),
            400,
            "interaction.id-differs",
            "Bundle.entry[1].resource.id",
        ),
        (entry("PUT", "Patient/a", given.patient()), 400, "interaction.id-missing", "Bundle.entry[1].resource.id"),
        (entry("DELETE", "Patient"), 412, "interaction.no-criteria", "Bundle.entry[1].request"),
        (
            entry("POST", "Patient", given.patient(), ifNoneExist="_format=json"),
            412,
            "interaction.no-criteria",
            "Bundle.entry[1].request",
        ),
    ],
)
async def test_the_place_of_what_is_wrong(
    client: httpx.AsyncClient, wrong: given.Node, status: int, message: str, place: str
) -> None:
    response = await client.post("", json=bundle("transaction", entry("POST", "Patient", given.patient()), wrong))
    given.is_outcome(response, status, message, place)


async def test_versions_of_placeholders_are_replaced(client: httpx.AsyncClient) -> None:
    name = "urn:uuid:0a9ad9a4-4bb9-4e0b-8b3c-6f3ad9a4c001"
    answers = await sent(
        client,
        entry("POST", "Patient", given.patient(), name),
        entry("POST", "Observation", given.observation(f"{name}/_history/1")),
    )
    patient = answers[0]["response"]["location"].partition("/_history")[0]
    observation = await read(client, answers[1]["response"]["location"])
    assert observation["subject"]["reference"] == patient
