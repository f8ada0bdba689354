"""$everything of a patient whom another one's record links to: that one is judged for the caller, like all that comes."""

from __future__ import annotations

import pytest
from tests.fhir import given
from tests.fhir.security.conftest import House, ids

pytestmark = pytest.mark.requirement("HC-04", "LW-16")


async def test_a_linked_patient_is_shown_to_who_may_see_that_one(house: House) -> None:
    link = [{"other": {"reference": "Patient/anna"}, "type": "replaced-by"}]
    await house.put(given.patient(id="double", link=link))
    asked = "Patient/anna/$everything?_count=500"
    assert "Patient/double" in ids(await house["admissions"].get(asked), "match")
    for name in ("anna", "drcano"):
        assert (await house[name].get("Patient/double")).status_code == 404
        found = ids(await house[name].get(asked))
        assert "Observation/anna-1" in found
        assert "Patient/double" not in found
        assert "double" not in (await house[name].get(asked)).text
