"""An attempt that was given nothing says whose data it was after, whether they exist or not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fhir.given import bundle, entry
from tests.fhir.security.conftest import House, about

from kuska.security.api import Event

pytestmark = pytest.mark.requirement("HC-09", "LW-28")


async def told(house: House, method: str, path: str, **more: Any) -> tuple[int, list[Event]]:
    place = len(house.trail.events)
    answer = await house["drcano"].request(method, path, **more)
    return answer.status_code, house.trail.since(place)


@pytest.mark.parametrize("patient", ["berta", "nobody"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "Patient/{}"),
        ("GET", "Patient/{}/_history"),
        ("GET", "Patient/{}/$everything"),
        ("GET", "Patient/{}/Observation"),
        ("GET", "Patient?_id={}"),
        ("GET", "Observation?patient={}"),
        ("GET", "Observation?patient=Patient/{}"),
        ("GET", "Observation?patient=Patient%2F{}&_summary=count"),
        ("GET", "Observation?subject:Patient={}"),
        ("GET", "Observation?patient._id={}"),
        ("GET", "Observation?_id=anna-1&patient=anna,{}"),
        ("GET", "Coverage?beneficiary=Patient/{}"),
        ("POST", "Observation/_search"),
        ("DELETE", "Patient/{}"),
        ("POST", "Observation"),
        ("PUT", "Observation/own-id"),
        ("PUT", "Patient/{}"),
    ],
)
async def test_the_line_says_whose(house: House, method: str, path: str, patient: str) -> None:
    more: dict[str, Any] = {}
    if path.endswith("_search"):
        more["data"] = {"patient": patient}
    elif path.startswith("Observation") and method != "GET":
        more["json"] = about(patient, "own-id")
    elif method == "PUT":
        more["json"] = {"resourceType": "Patient", "id": patient}
    _, [line] = await told(house, method, path.format(patient), **more)
    assert patient in line.patients


async def test_who_exists_is_answered_and_told_like_who_does_not(house: House) -> None:
    for path in ("Observation?patient={}", "Patient/{}/Observation"):
        seen = [await told(house, "GET", path.format(patient)) for patient in ("berta", "nobody")]
        assert seen[0][0] == seen[1][0] == 200
        outcomes = [[(line.action, line.outcome, len(line.patients)) for line in lines] for _, lines in seen]
        assert outcomes[0] == outcomes[1]


async def test_what_is_given_names_its_own_patients_only(house: House) -> None:
    _, [line] = await told(house, "GET", "Observation?patient=anna&_id=anna-1")
    assert line.patients == ("anna",)
    _, [line] = await told(house, "GET", "Observation/anna-1")
    assert line.patients == ("anna",)


async def test_conditions_are_in_the_line(house: House) -> None:
    node, condition = about("anna", "x"), "patient=Patient/berta&code=conditions"
    del node["id"]
    status, [line] = await told(house, "POST", "Observation", json=node, headers={"if-none-exist": condition})
    assert (status, line.action, line.query) == (201, "C", condition)
    _, [line] = await told(house, "PUT", f"Observation?{condition}", json=node)
    assert line.query == condition
    theirs = about("berta", "x")
    status, [line] = await told(house, "POST", "Observation", json=theirs, headers={"if-none-exist": condition})
    assert (status, line.outcome, line.query, line.patients) == (403, "4", condition, ("berta",))


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_what_a_bundle_asks_is_told(house: House, kind: str) -> None:
    condition = "patient=Patient/carla&code=in-bundle"
    node = about("anna", "x")
    del node["id"]
    writing = entry("POST", "Observation", node)
    writing["request"]["ifNoneExist"] = condition
    status, lines = await told(house, "POST", "", json=bundle(kind, writing, entry("GET", "Observation?patient=berta")))
    assert status == 200
    [written] = [line for line in lines if line.action == "C"]
    assert written.query == condition
    [read] = [line for line in lines if line.action != "C"]
    assert read.patients == ("berta",)
    assert condition in read.query
    _, lines = await told(house, "POST", "", json=bundle(kind, entry("POST", "Observation", about("berta", "y"))))
    assert [line.patients for line in lines if line.outcome == "4"] == [("berta",)]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize(
    "url",
    ["Observation/_search?patient=berta", "Patient/_search?_id=berta", "Patient/_search?link=Patient/berta&_id=berta"],
)
async def test_whose_is_asked_by_post_in_a_bundle_is_told(house: House, kind: str, url: str) -> None:
    status, [line] = await told(house, "POST", "", json=bundle(kind, entry("POST", url)))
    assert (status, line.patients) == (200, ("berta",))
    status, lines = await told(house, "POST", "", json=bundle("batch", entry("POST", "Patient/berta/$everything")))
    assert "berta" in {patient for one in lines for patient in one.patients}


async def test_what_is_read_by_post_in_a_bundle_is_told(house: House) -> None:
    _, [line] = await told(house, "POST", "", json=bundle("batch", entry("POST", "Observation/_search?_id=anna-1")))
    assert (line.patients, "Observation/anna-1" in line.entities) == (("anna",), True)


async def test_what_is_no_resource_is_refused_without_a_fault(house: House) -> None:
    for body in ({"resourceType": 1}, {"resourceType": "Observation", "subject": 1}, {"entry": [1, {"request": 2}]}):
        for path in ("Observation", ""):
            status, lines = await told(house, "POST", path, json=body)
            assert status in (400, 422)
            assert {line.outcome for line in lines} == {"4"}
