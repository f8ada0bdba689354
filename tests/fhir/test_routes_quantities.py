"""Quantities by their code in any system, alone and in composites: `5.4||mg/dL`."""

from __future__ import annotations

import httpx
import pytest
from tests.fhir import given
from tests.fhir.test_routes_search import ids

pytestmark = pytest.mark.requirement("HC-01")
UCUM = "http://unitsofmeasure.org"


@pytest.mark.parametrize(
    "unit",
    [
        {"system": "urn:units", "code": "mg/dL"},
        {"system": UCUM, "code": "mg/dL"},
        {"unit": "mg/dL"},
    ],
)
async def test_a_code_alone_means_every_system(client: httpx.AsyncClient, unit: given.Node) -> None:
    code = given.key()
    node = given.observation("Patient/nobody", code={"coding": [{"code": code}]}, valueQuantity={"value": 5.4, **unit})
    made = (await client.post("Observation", json=node)).json()["id"]
    for asked, found in (("5.4||mg/dL", [made]), ("gt5||mg/dL", [made]), ("5.4||mg", []), ("lt5||mg/dL", [])):
        for query in (f"code={code}&value-quantity={asked}", f"code-value-quantity={code}${asked}"):
            assert ids((await client.get(f"Observation?{query}")).json()) == found, query


async def test_numbers_come_back_as_they_were_written(client: httpx.AsyncClient) -> None:
    """With their digits and their exponent; and they are found, compared and judged like any other."""
    code = given.key()
    body = (
        '{"resourceType":"Observation","status":"final","code":{"coding":[{"code":"%s"}]},"valueQuantity":{"value":1.20E3},'
        '"referenceRange":[{"low":{"value":0.0000001},"high":{"value":2e3}}]}'
    )
    headers = {"content-type": "application/fhir+json"}
    made = await client.post("Observation", content=body % code, headers=headers)
    assert made.status_code == 201, made.text
    url = f"Observation/{made.json()['id']}"
    shown = (await client.get(url)).text
    assert [text in shown for text in ('"value":1.20E3}', '"value":0.0000001}', '"value":2e3}')] == [True] * 3
    assert ids((await client.get(f"Observation?code={code}&value-quantity=1200")).json()) == [made.json()["id"]]
    assert '"value":1.20E3}' in (await client.get(f"{url}?_elements=valueQuantity")).text
    whole = shown.replace('"status":"final"', '"status":"amended"')
    assert '"value":1.20E3}' in (await client.put(url, content=whole, headers=headers)).text
