"""What one request may cost: patches that burn time, parameters without end, and a character that no text has."""

from __future__ import annotations

import time
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.fhir import given
from tests.fhir.given import bundle, entry
from tests.fhir.security.conftest import House, about

from kuska.fhir.domain.patch import fhirpath_patch

pytestmark = pytest.mark.requirement("LW-33")
# Each takes a fraction of a second on this note, and is no limit's business alone.
EVIL = "Observation.note.where(text.replaceMatches('^(a|a)+$','b')='x').text"
NOTE = [{"text": "a" * 20 + "!"}]


def patch(*paths: str) -> dict[str, Any]:
    parts = [[{"name": "type", "valueCode": "delete"}, {"name": "path", "valueString": path}] for path in paths]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": part} for part in parts]}


@pytest.fixture(scope="module", autouse=True)
async def _noted(house: House) -> None:
    await house.put(about("anna", "costly", note=NOTE))


async def test_all_operations_of_a_patch_share_one_allowance(house: House) -> None:
    begun = time.monotonic()
    answer = await house["drcano"].patch("Observation/costly", json=patch(*[EVIL] * 100))
    assert time.monotonic() - begun < 2
    given.is_outcome(answer, 400)
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"].startswith("fhirpath.")


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_all_patches_of_a_bundle_share_one_allowance(house: House, kind: str) -> None:
    await house.put(*[about("anna", f"costly-{n}", note=NOTE) for n in range(10)])
    entries = [entry("PATCH", f"Observation/costly-{n}", patch(*[EVIL] * 100)) for n in range(10)]
    begun = time.monotonic()
    answer = await house["drcano"].post("", json=bundle(kind, *entries))
    assert time.monotonic() - begun < 3
    assert answer.status_code == (200 if kind == "batch" else 400)


async def test_a_patch_has_an_end(house: House) -> None:
    many = patch(*["Observation.note"] * (fhirpath_patch.MAX_OPERATIONS + 1))
    answer = await house["drcano"].patch("Observation/costly", json=many)
    given.is_outcome(answer, 422, "patch.too-many-operations")
    test = [{"op": "test", "path": "/status", "value": "final"}] * 1001
    answer = await house["drcano"].patch(
        "Observation/costly", json=test, headers={"content-type": "application/json-patch+json"}
    )
    given.is_outcome(answer, 422, "patch.too-many-operations")


async def test_a_resource_has_an_end_a_bundle_of_small_ones_has_another(house: House) -> None:
    many = [{"text": "x" * 50}] * 200_000  # more than 10 MiB
    large = about("anna", "x", note=many)
    del large["id"]
    begun = time.monotonic()
    answers = [
        await house["drcano"].post("Observation", json=large),
        await house["drcano"].put("Observation/costly", json={**large, "id": "costly"}),
        await house["drcano"].post("Observation/$validate", json=large),
        await house["drcano"].post("", json=bundle("transaction", entry("POST", "Observation", large))),
        await house["drcano"].post("", json=bundle("batch", entry("POST", "Observation", large))),
    ]
    assert time.monotonic() - begun < 15  # not looked into; reading the JSON is all it costs
    for answer in answers:
        given.is_outcome(answer, 413, "interaction.body-too-large")
    small = {**large, "note": many[:30_000]}
    six = bundle("batch", *[entry("GET", "Observation/anna-1")], *[entry("DELETE", "Observation/x")] * 2)
    six["entry"] += [{"resource": small, "request": {"method": "GET", "url": "Observation/anna-1"}}] * 6
    assert (await house["drcano"].post("", json=six)).status_code == 200


NUL = "interaction.nul"


@pytest.mark.parametrize("query", ["code=%00", "patient=%00", "_id=a%00", "identifier=s%7C%00", "_sort=%00", "%00=1"])
async def test_nul_is_refused_in_every_query(house: House, query: str) -> None:
    doctor, node = house["drcano"], about("anna", "x")
    del node["id"]
    given.is_outcome(await doctor.get(f"Observation?{query}"), 400, NUL)
    form = {"content-type": "application/x-www-form-urlencoded"}
    given.is_outcome(await doctor.post("Observation/_search", content=query, headers=form), 400, NUL)
    given.is_outcome(await doctor.post("Observation", json=node, headers={"if-none-exist": query}), 400, NUL)
    given.is_outcome(await doctor.put(f"Observation?{query}", json=node), 400, NUL)
    given.is_outcome(await doctor.get(f"Observation/anna-1/_history?{query}"), 400, NUL)
    given.is_outcome(await doctor.get(f"Patient/anna/$everything?{query}"), 400, NUL)
    linked = {**node, "subject": {"reference": f"Patient?{query}"}}
    for one in (entry("GET", f"Observation?{query}"), entry("POST", "Observation", linked)):
        assert (await doctor.post("", json=bundle("transaction", one))).status_code == 400


@pytest.mark.parametrize(
    "path", ["Observation/%00", "%00", "Observation/anna-1/_history/%00", "Observation/$%00", "Patient/%00/Observation"]
)
async def test_nul_in_a_path_is_no_fault(house: House, path: str) -> None:
    assert (await house["drcano"].get(path)).status_code in (400, 404)


async def test_nul_in_a_body_is_no_fault(house: House) -> None:
    node = about("anna", "x", note=[{"text": "a\0b"}])
    assert (await house["drcano"].post("Observation", json=node)).status_code in (400, 422)
    data = b64encode(b'[{"op":"add","path":"/note","value":[{"text":"\\u0000"}]}]')
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data.decode()}
    one = entry("PATCH", "Observation/costly", binary)
    assert (await house["drcano"].post("", json=bundle("transaction", one))).status_code in (400, 422)


async def test_parameters_have_an_end(house: House) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    for count, status in ((100, 200), (3000, 400)):
        content = urlencode([("code", f"c{n}") for n in range(count)])
        answer = await house["drcano"].post("Observation/_search", content=content, headers=form)
        assert answer.status_code == status, answer.text[:500]
    given.is_outcome(answer, 400, "interaction.too-many-parameters")
    for count, status in ((5000, 200), (50_000, 400)):
        content = urlencode({"code": ",".join(f"c{n}" for n in range(count))})
        answer = await house["drcano"].post("Observation/_search", content=content, headers=form)
        assert answer.status_code == status, answer.text[:500]
    given.is_outcome(answer, 400, "interaction.too-many-values")
