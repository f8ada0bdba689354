"""What scopes may restrict by is what the record can decide on a resource at hand, and nothing else."""

from __future__ import annotations

import pytest
from tests.fhir.security.conftest import House, ids

from kuska.fhir.api import restricts
from kuska.fhir.domain.search.judging import decidable

pytestmark = [pytest.mark.requirement("HC-04")]
_VALUES = {"token": "http://example.org/codes|a", "uri": "http://example.org/a", "reference": "a"}


async def test_every_restriction_that_is_taken_can_be_decided(house: House) -> None:
    definitions, parser = house.archive.definitions, house.archive.eyes.parser
    taken = [
        (type_, parameter)
        for type_ in definitions.resource_types
        for parameter in definitions.search[type_].values()
        if restricts(type_, parameter.code)
    ]
    assert len(taken) > 1_000
    for type_, parameter in taken:
        condition = parser.condition(type_, parameter.code, _VALUES[parameter.type], lambda _: ())
        assert decidable(condition), f"{type_}.{parameter.code}"


@pytest.mark.parametrize(
    ("type_", "parameter", "may"),
    [
        ("Observation", "category", True),
        ("Observation", "subject", True),
        ("*", "_tag", True),
        ("*", "category", False),  # not all types have it
        ("Observation", "date", False),
        ("Observation", "code:in", False),
        ("Observation", "subject.name", False),
        ("Observation", "_has:Provenance:target:agent", False),
        ("Observation", "_count", False),
        ("Observation", "no-such", False),
        ("NoSuch", "category", False),
    ],
)
def test_what_is_taken(type_: str, parameter: str, *, may: bool) -> None:
    assert restricts(type_, parameter) is may


@pytest.mark.parametrize("name", ["results-by-date", "results-by-no-such"])
async def test_a_restriction_that_cannot_be_decided_opens_nothing(house: House, name: str) -> None:
    """Neither everything, as if it were not there, nor what it may have meant."""
    assert len(ids(await house["results"].get("Observation?_count=100"))) > 5
    for path in ("Observation?_count=100", "Observation?subject=Patient/anna", "Observation?_id=anna-1"):
        assert ids(await house[name].get(path)) == [], path
    counted = (await house[name].get("Observation?_summary=count")).json()
    assert counted["total"] == 0
    assert (await house[name].get("Observation/anna-1")).status_code == 404
    assert (await house[name].get("Patient/anna")).status_code == 200
