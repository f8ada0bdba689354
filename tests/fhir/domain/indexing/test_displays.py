from __future__ import annotations

import pytest
from tests.fhir.domain.indexing.given import LOINC, Rows, coding

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.indexing.displays import TEXTS, text_code
from kuska.fhir.domain.indexing.extractor import Extractor
from kuska.fhir.domain.indexing.keys import system_hash, variant_key

pytestmark = pytest.mark.requirement("HC-01")

# --- :text ------------------------------------------------------------------------------------------------------------


def test_displays_go_to_the_dictionary_until_they_are_known(identities: Identities) -> None:
    extractor = Extractor(definitions(), identities, ())
    concept = {"coding": [{**coding(LOINC, "2339-0"), "display": "Glucose [Mass/volume]"}], "text": "Glucosa basal"}
    node = {"resourceType": "Observation", "code": concept}
    rows = extractor.rows(node)
    own = text_code("glucosa basal")
    assert rows.displays == [(system_hash(LOINC), "2339-0", "glucose mass volume"), (TEXTS, own, "glucosa basal")]
    assert (variant_key("Observation", "code", "text"), TEXTS, own) in rows.tokens
    assert extractor.rows(node).displays == rows.displays  # nobody said that they are stored
    extractor.displays.learn(rows.displays)
    assert extractor.rows(node).displays == []
    assert not extractor.displays.unknown
    assert extractor.rows(node).tokens == rows.tokens


def test_what_a_code_without_a_system_is_shown_as_is_the_resources_own_text(rows_of: Rows) -> None:
    concept = {"coding": [{"code": "1", "display": "Hipertensión"}], "text": "Hipertensión"}
    found = rows_of({"resourceType": "Observation", "code": concept})
    assert list(found["tokens"]) == ["code", "code:text"]
    assert found["tokens"]["code:text"] == [(TEXTS, text_code("hipertension"))]


def test_a_text_that_a_code_is_shown_as_needs_no_row(rows_of: Rows) -> None:
    concept = {"coding": [{**coding(LOINC, "2339-0"), "display": "Glucosa"}], "text": "GLUCOSA"}
    assert list(rows_of({"resourceType": "Observation", "code": concept})["tokens"]) == ["code"]
