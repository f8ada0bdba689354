from __future__ import annotations

from math import inf
from typing import Any

import pytest
from tests.fhir.domain.indexing.given import DNI, LOINC, PATIENT, Rows, whole

from kuska.fhir.domain import ucum
from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.identity import Identities, foreign_rid
from kuska.fhir.domain.indexing.dates import UTC
from kuska.fhir.domain.indexing.displays import TEXTS, text_code
from kuska.fhir.domain.indexing.keys import code_hash, system_hash, unit_hash
from kuska.fhir.domain.indexing.quantities import CURRENCIES, UCUM
from kuska.fhir.domain.indexing.rows import MAX_TIME, MIN_TIME
from kuska.fhir.domain.indexing.targets import CONTAINED

pytestmark = pytest.mark.requirement("HC-01")

# --- kinds of values ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "low", "high"),
    [
        ({"value": 5}, 5.0, 5.0),
        ({"value": 5, "comparator": "<"}, -inf, 5.0),
        ({"value": 5, "comparator": "<="}, -inf, 5.0),
        ({"value": 5, "comparator": ">"}, 5.0, inf),
        ({"value": 5, "comparator": ">="}, 5.0, inf),
    ],
)
def test_comparators_open_one_side(rows_of: Rows, quantity: dict[str, Any], low: float, high: float) -> None:
    rows = rows_of({"resourceType": "Observation", "valueQuantity": quantity})
    assert rows["quantities"] == {"value-quantity": [(low, high, 0, 0, 0, low, high)]}


def test_a_quantity_without_a_value_has_no_row(rows_of: Rows) -> None:
    assert rows_of({"resourceType": "Observation", "valueQuantity": {"unit": "mg"}})["quantities"] == {}


def test_ages_ranges_and_money(rows_of: Rows) -> None:
    age = rows_of({"resourceType": "Condition", "onsetAge": {"value": 40, "system": UCUM, "code": "a"}})
    years = ucum.canonical(40, "a")
    assert years is not None
    unit = (unit_hash(UCUM, "a"), code_hash("a"))
    assert age["quantities"] == {"onset-age": [(40.0, 40.0, *unit, years[1], years[0], years[0])]}

    span = {"low": {"value": 40, "system": UCUM, "code": "a"}}
    assert rows_of({"resourceType": "Condition", "onsetRange": span})["quantities"] == {
        "onset-age": [(40.0, inf, *unit, years[1], years[0], inf)]
    }
    mixed = {"low": {"value": 1, "system": UCUM, "code": "g"}, "high": {"value": 2, "system": UCUM, "code": "kg"}}
    dim = ucum.dimension("g")
    assert rows_of({"resourceType": "Condition", "onsetRange": mixed})["quantities"] == {
        "onset-age": [(1.0, 2000.0, 0, 0, dim, 1.0, 2000.0)]
    }
    money = rows_of({"resourceType": "Invoice", "totalNet": {"value": 12.5, "currency": "PEN"}})
    assert money["quantities"]["totalnet"] == [
        (12.5, 12.5, unit_hash(CURRENCIES, "PEN"), code_hash("PEN"), 0, 12.5, 12.5)
    ]


def test_numbers(rows_of: Rows) -> None:
    node = {
        "resourceType": "RiskAssessment",
        "prediction": [{"probabilityDecimal": 0.25}, {"probabilityRange": {"low": {"value": 0.5}}}],
    }
    assert rows_of(node)["quantities"] == {
        "probability": [(0.25, 0.25, 0, 0, 0, 0.25, 0.25), (0.5, inf, 0, 0, 0, 0.5, inf)]
    }


def test_dates_of_every_shape(rows_of: Rows) -> None:
    period = rows_of({"resourceType": "Encounter", "period": {"start": "2024-01-02"}})
    assert period["dates"]["date"] == [(UTC.span("2024-01-02")[0], MAX_TIME)]
    ended = rows_of({"resourceType": "Encounter", "period": {"end": "2024-01-02"}})
    assert ended["dates"]["date"] == [(MIN_TIME, UTC.span("2024-01-02")[1])]
    timing = rows_of({"resourceType": "Observation", "effectiveTiming": {"event": ["2024", "2022"]}})
    assert timing["dates"]["date"] == [(UTC.span("2022")[0], UTC.span("2024")[1])]
    instant = rows_of({"resourceType": "Observation", "effectiveInstant": "2024-01-02T03:04:05.678Z"})
    assert instant["dates"]["date"] == [UTC.span("2024-01-02T03:04:05.678Z")]
    age = rows_of({"resourceType": "Procedure", "performedAge": {"value": 3}})
    assert age["dates"] == {}


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("Patient/p1", ("Patient", "p1")),
        ("Patient/p1/_history/3", ("Patient", "p1")),
        ("https://fhir.example.org/fhir/Patient/p1", ("Patient", "p1")),
        ("http://localhost:8080/fhir/Patient/p1/_history/3", ("Patient", "p1")),
        ("https://other.example.org/fhir/Patient/p1", "https://other.example.org/fhir/Patient/p1"),
        ("https://other.example.org/fhir/Patient/p1/_history/2", "https://other.example.org/fhir/Patient/p1"),
    ],
)
def test_references(rows_of: Rows, identities: Identities, text: str, target: tuple[str, str] | str) -> None:
    rid = foreign_rid(target) if isinstance(target, str) else identities.address(*target).rid
    rows = rows_of({"resourceType": "Observation", "subject": {"reference": text}})
    assert rows["references"] == {"subject": [(rid, PATIENT)]}


def test_references_to_what_cannot_be_searched(rows_of: Rows) -> None:
    subject = {"resourceType": "Observation", "subject": {"reference": "urn:uuid:1", "type": "Patient"}}
    assert rows_of(subject)["references"] == {"subject": [(foreign_rid("urn:uuid:1"), PATIENT)]}
    contained = {"contained": [{"resourceType": "Patient", "id": "me"}], "subject": {"reference": "#me"}}
    assert rows_of({"resourceType": "Observation", **contained})["references"] == {"subject": [(CONTAINED, PATIENT)]}
    named = rows_of({"resourceType": "Observation", "subject": {"identifier": {"system": DNI, "value": "1"}}})
    assert named["references"] == {}
    assert named["tokens"] == {"subject:identifier": [(system_hash(DNI), "1")]}
    assert rows_of({"resourceType": "Observation", "subject": {"display": "somebody"}})["references"] == {}


def test_canonicals_are_found_with_and_without_their_version(rows_of: Rows) -> None:
    rows = rows_of({"resourceType": "QuestionnaireResponse", "questionnaire": "http://example.org/Q/1|2.0"})
    number = definitions().type_numbers
    assert "Q" not in number
    assert rows["references"] == {
        "questionnaire": [(foreign_rid("http://example.org/Q/1|2.0"), 0), (foreign_rid("http://example.org/Q/1"), 0)]
    }


def test_where_conditions_narrow(rows_of: Rows, identities: Identities) -> None:
    related = [
        {"type": "depends-on", "resource": "http://example.org/a"},
        {"type": "successor", "resource": "http://example.org/b"},
    ]
    rows = rows_of({"resourceType": "Library", "relatedArtifact": related})
    assert rows["references"] == {
        "depends-on": [(foreign_rid("http://example.org/a"), 0)],
        "successor": [(foreign_rid("http://example.org/b"), 0)],
    }
    number = definitions().type_numbers["Practitioner"]
    for reference, found in (
        ({"reference": "Practitioner/1"}, [(identities.address("Practitioner", "1").rid, number)]),
        ({"reference": "PractitionerRole/1"}, None),
        ({"reference": "#x"}, None),
    ):
        rows = rows_of({"resourceType": "EpisodeOfCare", "careManager": reference})
        assert rows["references"].get("care-manager") == found


def test_a_document_is_found_by_its_first_entry(rows_of: Rows, identities: Identities) -> None:
    entries = [{"resource": {"resourceType": "Composition", "id": "c"}}, {"resource": {"resourceType": "Patient"}}]
    rows = rows_of({"resourceType": "Bundle", "type": "document", "entry": entries})
    number = definitions().type_numbers["Composition"]
    assert rows["references"] == {"message": [(identities.address("Composition", "c").rid, number)]}


def test_primitives_that_have_only_an_extension(rows_of: Rows) -> None:
    absent = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]
    }
    node = {
        "resourceType": "Patient",
        "name": [{"given": [None, "Ana"], "_given": [absent, None]}],
        "_birthDate": absent,
    }
    rows = rows_of(node)
    assert rows["strings"]["given"] == [whole("Ana", "ana")]
    assert rows["dates"] == {}


def test_rows_are_unique(rows_of: Rows) -> None:
    name = {"family": "Quispe Quispe", "given": ["Ana", "Ana"]}
    rows = rows_of({"resourceType": "Patient", "name": [name, name]})
    assert rows["strings"]["name"] == [whole("Quispe Quispe", "quispe quispe"), whole("Ana", "ana")]


def test_systems_alone_and_codes_alone(rows_of: Rows) -> None:
    node = {
        "resourceType": "Observation",
        "code": {"coding": [{"system": LOINC}, {"code": "x"}, {"display": "nothing"}]},
    }
    assert rows_of(node)["tokens"] == {
        "code": [(system_hash(LOINC), ""), (0, "x")],
        "code:text": [(TEXTS, text_code("nothing"))],
    }
