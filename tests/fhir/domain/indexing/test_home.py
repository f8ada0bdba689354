from __future__ import annotations

from typing import Any

import pytest

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.indexing.extractor import Extractor

pytestmark = pytest.mark.requirement("HC-01")

NOBODY = {"Account", "Appointment", "AuditEvent", "Group", "Patient", "Person", "Provenance", "Schedule"}


@pytest.mark.parametrize(
    ("node", "home"),
    [
        ({"resourceType": "Observation", "subject": {"reference": "Patient/1"}}, "Patient/1"),
        ({"resourceType": "Observation", "subject": {"reference": "Patient/1/_history/2"}}, "Patient/1"),
        (
            {"resourceType": "Observation", "subject": {"reference": "https://fhir.example.org/fhir/Patient/1"}},
            "Patient/1",
        ),
        ({"resourceType": "Observation", "subject": {"reference": "https://elsewhere.org/fhir/Patient/1"}}, None),
        ({"resourceType": "Observation", "subject": {"reference": "Group/1"}}, None),
        ({"resourceType": "Observation", "subject": {"display": "somebody"}}, None),
        ({"resourceType": "Observation", "performer": [{"reference": "Patient/1"}]}, None),
        ({"resourceType": "Observation"}, None),
        ({"resourceType": "Patient", "link": [{"other": {"reference": "Patient/1"}}]}, None),
        ({"resourceType": "Practitioner"}, None),
        ({"resourceType": "Claim", "payee": {"party": {"reference": "Patient/2"}}}, "Patient/2"),
        (
            {
                "resourceType": "Claim",
                "patient": {"reference": "Patient/1"},
                "payee": {"party": {"reference": "Patient/2"}},
            },
            "Patient/1",
        ),
        (
            {
                "resourceType": "Coverage",
                "policyHolder": {"reference": "Patient/2"},
                "beneficiary": {"reference": "Patient/1"},
            },
            "Patient/1",
        ),
        (
            {
                "resourceType": "Communication",
                "subject": {"reference": "Group/1"},
                "sender": {"reference": "Patient/3"},
            },
            "Patient/3",
        ),
        ({"resourceType": "Appointment", "participant": [{"actor": {"reference": "Patient/1"}}]}, None),
    ],
)
def test_home_patients(extractor: Extractor, node: dict[str, Any], home: str | None) -> None:
    assert extractor.home_patient(node) == home


def test_parameters_that_decide_the_bucket(extractor: Extractor) -> None:
    assert extractor.home_parameters("Observation") == {"subject", "patient"}
    assert extractor.home_parameters("Claim") == {"patient"}
    assert extractor.home_parameters("Coverage") == {"beneficiary", "patient"}
    assert extractor.home_parameters("AppointmentResponse") == {"actor", "patient"}
    for type_ in NOBODY:
        assert extractor.home_parameters(type_) == frozenset()
    for type_ in definitions().compartments["Patient"]:
        assert extractor.home_parameters(type_) or type_ in NOBODY


def test_types_outside_the_compartment_have_no_home(extractor: Extractor) -> None:
    inside = definitions().compartments["Patient"]
    for type_ in definitions().resource_types:
        if type_ not in inside:
            assert extractor.home_parameters(type_) == frozenset()
