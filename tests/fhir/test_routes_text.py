"""`:text`: what codes are displayed as."""

from __future__ import annotations

import httpx
import pytest
from tests.fhir import given
from tests.fhir.test_routes_search import ids

pytestmark = pytest.mark.requirement("HC-01")


async def test_a_code_without_a_system_is_shown_as_its_own_resource_says(client: httpx.AsyncClient) -> None:
    code, shown = given.key(), given.key()
    patient = (await client.post("Patient", json=given.patient())).json()["id"]

    async def put(**coding: str) -> str:
        node = given.observation(f"Patient/{patient}", code={"coding": [{"code": code, **coding}]})
        return (await client.post("Observation", json=node)).json()["id"]

    async def found(query: str) -> set[str]:
        return set(ids((await client.get(f"Observation?{query}")).json()))

    high, fracture = await put(display=f"Hipertensión {shown}"), await put(display=f"Fractura {shown}")
    with_system = await put(system="urn:codes", display=f"Asma {shown}")
    same_code = await put(system="urn:codes")
    assert await found(f"code:text=hipertension {shown}") == {high}
    assert await found(f"code:text=fractura {shown}") == {fracture}
    assert await found(f"code:text=asma {shown}") == {with_system, same_code}
    assert await found(f"code:text={shown}") == {high, fracture, with_system, same_code}
