"""Bindings and references."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fhir.domain.validation.samples import found, observation, patient

from kuska.fhir.domain.validation import Policy

pytestmark = pytest.mark.requirement("HC-01")

_STATUS = {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}


def condition(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [_STATUS]},
        "subject": {"reference": "Patient/p1"},
        **changes,
    }


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (patient(gender="woman"), [("code-not-in-set-choose", "Patient.gender")]),
        (patient(name=[{"use": "casa", "text": "x"}]), [("code-not-in-set-choose", "Patient.name[0].use")]),
        (condition(), []),
        (condition(clinicalStatus={"text": "activa"}), [("code-needed", "Condition.clinicalStatus")]),
        (
            condition(clinicalStatus={"coding": [{**_STATUS, "code": "activa"}]}),
            [("coding-not-in-set", "Condition.clinicalStatus")],
        ),
        (
            condition(clinicalStatus={"coding": [{**_STATUS, "system": "http://other.example"}]}),
            [("coding-not-in-set", "Condition.clinicalStatus")],
        ),
        (condition(clinicalStatus={"coding": [{"system": "http://own.example", "code": "a"}, _STATUS]}), []),
    ],
)
def test_required_bindings(node: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert found(node) == expected


def test_extensible_bindings_warn_only_about_codes_of_their_own_systems() -> None:
    system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
    own = observation(interpretation=[{"coding": [{"system": "http://own.example", "code": "alto"}]}])
    assert found(own) == []
    wrong = observation(interpretation=[{"coding": [{"system": system, "code": "ALTO"}]}])
    assert found(wrong) == [("coding-outside-extensible", "Observation.interpretation[0]")]
    right = observation(interpretation=[{"coding": [{"system": system, "code": "H"}]}])
    assert found(right) == []


def test_snomed_identifiers_have_a_check_digit() -> None:
    def coded(code: str) -> dict[str, Any]:
        return condition(code={"coding": [{"system": "http://snomed.info/sct", "code": code}]})

    assert found(coded("254637007")) == []
    assert found(coded("254637008")) == [("bad-snomed-id", "Condition.code.coding[0].code")]
    assert found(coded("71341001:272741003=7771000")) == []  # an expression


@pytest.mark.parametrize(
    ("reference", "keys"),
    [
        ("Patient/p1", []),
        ("Patient/p1/_history/3", []),
        ("http://other.example/fhir/Patient/p1", []),
        ("https://other.example/anything?else", []),
        ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", []),
        ("Patient?identifier=urn:x|1", []),
        ("Practitioner/p1", ["wrong-target"]),
        ("http://other.example/fhir/Practitioner/p1", ["wrong-target"]),
        ("Practitioner?identifier=1", ["wrong-target"]),
        ("p1", ["bad-relative-reference"]),
        ("Paciente/1", ["bad-relative-reference"]),
        ("Patient/á", ["bad-relative-reference"]),
        ("#nobody", ["rule.ref-1"]),
    ],
)
def test_references(reference: str, keys: list[str]) -> None:
    assert [key for key, _ in found(condition(subject={"reference": reference}))] == keys


def test_fragments_lead_to_contained_resources_of_the_right_type() -> None:
    inner = [{"resourceType": "Patient", "id": "x", "active": True}]
    assert found(condition(subject={"reference": "#x"}, contained=inner)) == []
    other = [{"resourceType": "Organization", "id": "x", "name": "y"}]
    assert found(condition(subject={"reference": "#x"}, contained=other)) == [("wrong-target", "Condition.subject")]


def test_the_type_of_a_logical_reference() -> None:
    subject = {"type": "Practitioner", "identifier": {"value": "1"}}
    assert found(condition(subject=subject)) == [("wrong-target", "Condition.subject")]
    assert found(condition(subject={**subject, "type": "Patient"})) == []


def test_references_are_followed_on_request() -> None:
    there = {"Patient/p1": "Patient", "Patient/wrong": "Group"}
    policy = Policy(resolve=lambda reference: there.get(reference, "" if ":" in reference else None))

    def keys(reference: str) -> list[str]:
        return [key for key, _ in found(condition(subject={"reference": reference}), policy=policy)]

    assert keys("Patient/p1") == []
    assert keys("Patient/p2") == ["reference-not-found"]
    assert keys("Patient/wrong") == ["wrong-target"]
    assert keys("http://other.example/fhir/Patient/p2") == []
