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
