"""Conditions of writes: they meet what their sender sees, and no answer depends on anything else."""

from __future__ import annotations

import pytest
from tests.fhir.given import bundle, entry
from tests.fhir.security.conftest import House, about

pytestmark = pytest.mark.requirement("HC-07", "HC-08")


@pytest.mark.parametrize(
    "condition",
    [
        "patient=Patient/berta&code={}",
        "identifier=s|{}",
        "_id={}",
        "patient=Patient/berta&value-quantity=ge{}",
        "patient:Patient.identifier=https://example.org/ids|{}",
    ],
)
async def test_a_condition_is_no_oracle(house: House, condition: str) -> None:
    """What is hidden and what is not there are answered alike, in every way that has a condition, as if alone."""
    hidden = about("berta", "oracle", identifier=[{"system": "s", "value": "oracle"}])
    await house.put(hidden)
    code = hidden["code"]["coding"][0]["code"]
    there = {"value-quantity": "0", "code": code, "_id": "oracle", "identifier": "oracle"}
    name = next(name for name in there if f"{name}=" in condition)
    pairs = (there[name] if "Patient.id" not in condition else "berta", "999999")
    answers: list[list[tuple[int, str]]] = []
    for value in pairs:
        asked, node = condition.format(value), about("anna", "x")
        del node["id"]
        posted = entry("POST", "Observation", node)
        posted["request"]["ifNoneExist"] = asked
        put = entry("PUT", f"Observation?{asked}", node)
        got = [
            await house["drcano"].post("Observation", json=node, headers={"if-none-exist": asked}),
            await house["drcano"].put(f"Observation?{asked}", json=node),
            *[
                await house["drcano"].post("", json=bundle(kind, one))
                for kind in ("batch", "transaction")
                for one in (posted, put)
            ],
        ]
        inner = [one.json()["entry"][0]["response"]["status"] if "entry" in one.json() else "" for one in got]
        answers.append([(one.status_code, status) for one, status in zip(got, inner, strict=True)])
    assert answers[0] == answers[1]
    assert {status for status, _ in answers[0]} == {200, 201}


async def test_conditions_meet_what_the_caller_sees(house: House) -> None:
    await house.put(
        about("berta", "c-berta", identifier=[{"system": "s", "value": "unseen"}]),
        about("anna", "c-anna", identifier=[{"system": "s", "value": "seen"}]),
    )
    doctor, node = house["drcano"], about("anna", "c-new")
    del node["id"]
    headers = {"if-none-exist": "identifier=s|unseen"}
    assert (await doctor.post("Observation", json=node, headers=headers)).status_code == 201
    assert (await doctor.put("Observation?identifier=s|unseen", json=node)).status_code == 201
    json_patch = {"content-type": "application/json-patch+json"}
    note = [{"op": "add", "path": "/note", "value": [{"text": "x"}]}]
    unseen = await doctor.patch("Observation?identifier=s|unseen", json=note, headers=json_patch)
    nothing = await doctor.patch("Observation?identifier=s|nothing", json=note, headers=json_patch)
    assert unseen.status_code == nothing.status_code == 404
    assert unseen.text == nothing.text
    assert (
        await doctor.post("Observation", json=node, headers={"if-none-exist": "identifier=s|seen"})
    ).status_code == 200
    assert (await doctor.patch("Observation?identifier=s|seen", json=note, headers=json_patch)).status_code == 200
    assert (await doctor.put("Observation?identifier=s|seen", json=node)).status_code == 200
