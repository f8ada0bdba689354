from __future__ import annotations

from typing import Any

import pytest
from tests.fhir.domain.indexing.given import DNI, LOINC, PATIENT, Rows, coding, whole, word

from kuska.fhir.domain import ucum
from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.indexing.dates import UTC
from kuska.fhir.domain.indexing.displays import TEXTS, text_code
from kuska.fhir.domain.indexing.extractor import WITHOUT_ROWS, Extractor
from kuska.fhir.domain.indexing.keys import code_hash, system_hash, unit_hash
from kuska.fhir.domain.indexing.paths import UnknownExpressionError, paths
from kuska.fhir.domain.indexing.quantities import UCUM

pytestmark = pytest.mark.requirement("HC-01")

# --- a whole Patient ----------------------------------------------------------------------------------------------


PERSON: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {
        "lastUpdated": "2024-01-01T00:00:00Z",
        "profile": ["http://example.org/StructureDefinition/paciente|2.0"],
        "tag": [coding("http://example.org/tags", "demo")],
        "source": "urn:lab",
    },
    "identifier": [
        {
            "type": {"coding": [coding("http://terminology.hl7.org/CodeSystem/v2-0203", "NI")], "text": "DNI"},
            "system": DNI,
            "value": "40123456",
        }
    ],
    "active": True,
    "name": [{"family": "Huamán Ñahui", "given": ["María", "Luz"], "text": "María Luz Huamán Ñahui"}],
    "telecom": [
        {"system": "phone", "value": "+51 999 888 777"},
        {"system": "email", "value": "maria@example.org"},
    ],
    "gender": "female",
    "birthDate": "1980-05",
    "address": [{"line": ["Jr. Unión 123"], "city": "Lima", "country": "PE", "use": "home"}],
    "generalPractitioner": [{"reference": "Practitioner/7"}],
    "managingOrganization": {"identifier": {"system": "urn:ipress", "value": "00001"}},
}


def test_patient(rows_of: Rows, identities: Identities) -> None:
    rows = rows_of(PERSON)
    gender = system_hash("http://hl7.org/fhir/administrative-gender")
    assert rows["tokens"] == {
        "_profile": [
            (0, "http://example.org/StructureDefinition/paciente|2.0"),
            (0, "http://example.org/StructureDefinition/paciente"),
        ],
        "_tag": [(system_hash("http://example.org/tags"), "demo")],
        "_source": [(0, "urn:lab")],
        "identifier": [(system_hash(DNI), "40123456")],
        "identifier:of-type": [(system_hash("http://terminology.hl7.org/CodeSystem/v2-0203"), "NI|40123456")],
        "identifier:text": [(TEXTS, text_code("dni"))],
        "active": [(0, "true")],
        "telecom": [(0, "+51 999 888 777"), (0, "maria@example.org")],
        "phone": [(0, "+51 999 888 777")],
        "email": [(0, "maria@example.org")],
        "gender": [(gender, "female")],
        "address-use": [(system_hash("http://hl7.org/fhir/address-use"), "home")],
        "organization:identifier": [(system_hash("urn:ipress"), "00001")],
        "deceased": [(0, "false")],
    }
    assert rows["strings"] == {
        "name": [
            whole("Huamán Ñahui", "huaman nahui", "huaman n~ahui"),
            whole("María", "maria"),
            whole("Luz", "luz"),
            whole("María Luz Huamán Ñahui", "maria luz huaman nahui", "maria luz huaman n~ahui"),
            word("nahui"),
        ],
        "family": [whole("Huamán Ñahui", "huaman nahui", "huaman n~ahui"), word("nahui")],
        "given": [whole("María", "maria"), whole("Luz", "luz")],
        "address": [whole("Jr. Unión 123", "jr union 123"), whole("Lima", "lima"), whole("PE", "pe"), word("union"),
                    word("123")],
        "address-city": [whole("Lima", "lima")],
        "address-country": [whole("PE", "pe")],
    }  # fmt: skip
    assert rows["dates"] == {"birthdate": [UTC.span("1980-05")]}
    practitioner = definitions().type_numbers["Practitioner"]
    assert rows["references"] == {"general-practitioner": [(identities.address("Practitioner", "7").rid, practitioner)]}
    assert rows["quantities"] == rows["composites"] == {}


@pytest.mark.parametrize(
    ("element", "answer"),
    [
        ({}, "false"),
        ({"deceasedBoolean": False}, "false"),
        ({"deceasedBoolean": True}, "true"),
        ({"deceasedDateTime": "2024"}, "true"),
    ],
)
def test_deceased_is_known_of_everybody(rows_of: Rows, element: dict[str, Any], answer: str) -> None:
    assert rows_of({"resourceType": "Patient", **element})["tokens"]["deceased"] == [(0, answer)]


# --- a whole Observation --------------------------------------------------------------------------------------------


def test_observation(rows_of: Rows, identities: Identities) -> None:
    rows = rows_of(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [coding(LOINC, "2339-0"), coding("urn:local", "GLU")], "text": "Glucosa"},
            "subject": {"reference": "Patient/p1"},
            "effectiveDateTime": "2024-03-01T08:00:00-05:00",
            "valueQuantity": {"value": 5.4, "unit": "mmol/L", "system": UCUM, "code": "mmol/L"},
        }
    )
    canonical = ucum.canonical(5.4, "mmol/L")
    assert canonical is not None
    value, dim = canonical
    unit, code = unit_hash(UCUM, "mmol/L"), code_hash("mmol/L")
    assert rows["tokens"] == {
        "status": [(system_hash("http://hl7.org/fhir/observation-status"), "final")],
        "code": [(system_hash(LOINC), "2339-0"), (system_hash("urn:local"), "GLU")],
        "code:text": [(TEXTS, text_code("glucosa"))],
    }
    assert rows["strings"] == {}
    assert rows["dates"] == {"date": [UTC.span("2024-03-01T13:00:00Z")]}
    assert rows["quantities"] == {"value-quantity": [(5.4, 5.4, unit, code_hash("mmol/L"), dim, value, value)]}
    assert rows["references"] == {"subject": [(identities.address("Patient", "p1").rid, PATIENT)]}
    assert rows["composites"] == {
        "code-value-quantity": [
            ("2339-0", system_hash(LOINC), None, code, 5.4, 5.4, unit, dim, value, value),
            ("GLU", system_hash("urn:local"), None, code, 5.4, 5.4, unit, dim, value, value),
        ]
    }


def test_components_pair_with_their_own_values(rows_of: Rows) -> None:
    def component(code: str, value: int) -> dict[str, Any]:
        return {"code": {"coding": [coding(LOINC, code)]}, "valueQuantity": {"value": value, "unit": "mmHg"}}

    rows = rows_of({"resourceType": "Observation", "component": [component("8480-6", 120), component("8462-4", 80)]})
    pairs = [(row[0], row[4]) for row in rows["composites"]["component-code-value-quantity"]]
    assert pairs == [("8480-6", 120.0), ("8462-4", 80.0)]
    assert [row[:5] for row in rows["quantities"]["component-value-quantity"]] == [
        (120.0, 120.0, 0, code_hash("mmHg"), 0),
        (80.0, 80.0, 0, code_hash("mmHg"), 0),
    ]


@pytest.mark.parametrize(
    ("value", "parameter", "rest"),
    [
        ({"valueCodeableConcept": {"coding": [{"code": "+"}]}}, "code-value-concept",
         ("+", 0, None, None, None, None, None, None)),
        ({"valueString": "No se Observó"}, "code-value-string",
         ("no se observo", None, None, None, None, None, None, None)),
        ({"valueDateTime": "2024"}, "code-value-date",
         (None, None, *map(float, UTC.span("2024")), None, None, None, None)),
    ],
)  # fmt: skip
def test_pairs_of_other_types(rows_of: Rows, value: dict[str, Any], parameter: str, rest: tuple[Any, ...]) -> None:
    rows = rows_of({"resourceType": "Observation", "code": {"coding": [coding(LOINC, "x")]}, **value})
    assert rows["composites"] == {parameter: [("x", system_hash(LOINC), *rest)]}


def test_three_components(rows_of: Rows) -> None:
    rows = rows_of(
        {
            "resourceType": "MolecularSequence",
            "referenceSeq": {"chromosome": {"coding": [{"code": "7"}]}, "windowStart": 10, "windowEnd": 20},
            "variant": [{"start": 12, "end": 13}, {"start": 15, "end": 16}],
        }
    )
    pair = (None, None)
    assert rows["composites"]["chromosome-variant-coordinate"] == [
        ("7", 0, None, None, 12.0, 12.0, *pair, 13.0, 13.0),
        ("7", 0, None, None, 15.0, 15.0, *pair, 16.0, 16.0),
    ]
    assert rows["composites"]["chromosome-window-coordinate"] == [("7", 0, None, None, 10.0, 10.0, *pair, 20.0, 20.0)]


def test_a_relationship_is_a_document_and_a_code(rows_of: Rows) -> None:
    rows = rows_of(
        {
            "resourceType": "DocumentReference",
            "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/1/_history/2"}}],
        }
    )
    system = system_hash("http://hl7.org/fhir/document-relationship-type")
    assert rows["composites"]["relationship"] == [
        ("DocumentReference/1", 0, "replaces", system, None, None, None, None, None, None)
    ]


# --- everything -------------------------------------------------------------------------------------------------------


def test_every_parameter_of_r4_compiles_and_has_rows(extractor: Extractor) -> None:
    """All but those that are columns of the resource table, and positions."""
    known = definitions()
    without: set[str] = set()
    aliases = 0
    for type_ in known.resource_types:
        extractor.rows({"resourceType": type_})
        for code, parameter in known.search[type_].items():
            if code not in parameter.answered_by:
                aliases += 1
                assert all(known.search[type_][other].answered_by == (other,) for other in parameter.answered_by)
            elif parameter.type != "composite" and ".exists()" not in parameter.expression:
                handlers = [
                    handler
                    for path in paths(parameter.expression, type_, known.structures)
                    for handler in extractor._adders.of(parameter, path)
                ]
                if not handlers or code in WITHOUT_ROWS:
                    without.add(code if code.startswith("_") else f"{type_}.{code}")
    assert without == {"_id", "_lastUpdated", "Location.near"}
    assert aliases > 400


def test_every_leaf_of_every_path_is_converted_or_known_not_to_be(extractor: Extractor) -> None:
    """An element that a parameter reaches and that gives it nothing: R4 has these, and no others."""
    known = definitions()
    empty: set[tuple[str, str]] = set()
    for type_ in known.resource_types:
        for code, parameter in known.search[type_].items():
            if code in parameter.answered_by and parameter.type not in ("composite", "special"):
                if ".exists()" in parameter.expression:
                    continue
                for path in paths(parameter.expression, type_, known.structures):
                    if not extractor._adders.of(parameter, path):
                        empty.add((parameter.type, path.type))
    assert empty == {
        ("date", "Age"),  # Procedure.performed: an age is no date
        ("date", "Range"),
        ("date", "string"),  # CarePlan.activity, Immunization.occurrence, Procedure.performed: free text
        ("quantity", "SampledData"),  # a curve, not a value
        ("reference", "Attachment"),  # Consent.source
    }


def test_unknown_expressions_are_refused_when_compiled() -> None:
    structures = definitions().structures
    for expression in ("Patient.nothing", "Patient.name.where(use = 'usual')", "Patient.name.first()", "Patient..name"):
        with pytest.raises(UnknownExpressionError):
            paths(expression, "Patient", structures)
