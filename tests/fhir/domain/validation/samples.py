"""Valid resources that the tests change."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

from kuska.fhir.domain.validation import validate
from kuska.kit.errors import Issue

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {
        "lastUpdated": "2026-01-02T03:04:05.678-05:00",
        "tag": [{"system": "http://kuska.example/t", "code": "x"}],
    },
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>Ana <b>Huamán</b></p></div>'},
    "extension": [{"url": "http://kuska.example/ext", "valueString": "quechua"}],
    "identifier": [{"use": "official", "system": "urn:oid:1.2.604.1", "value": "12345678"}],
    "active": True,
    "name": [{"family": "Huamán", "given": ["Ana", "María"], "_given": [None, {"id": "g2"}]}],
    "telecom": [{"system": "phone", "value": "+51 1 555 0100", "rank": 1}],
    "gender": "female",
    "birthDate": "1972-02-29",
    "_birthDate": {
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
                "valueDateTime": "1972-02-29T14:35:45-05:00",
            }
        ]
    },
    "multipleBirthInteger": 2,
    "maritalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"}]},
    "contact": [{"name": {"text": "Luis"}, "period": {"start": "2020", "end": "2021-05"}}],
    "generalPractitioner": [{"reference": "Practitioner/d1"}],
    "managingOrganization": {"reference": "#org"},
    "contained": [{"resourceType": "Organization", "id": "org", "name": "Posta"}],
}

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "category": [
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}
    ],
    "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}], "text": "Hemoglobina"},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2026-03-01T08:00:00-05:00",
    "issued": "2026-03-01T09:00:00Z",
    "performer": [{"reference": "http://other.example/fhir/Organization/lab"}],
    "valueQuantity": {
        "value": Decimal("13.50"),
        "unit": "g/dL",
        "system": "http://unitsofmeasure.org",
        "code": "g/dL",
    },
    "referenceRange": [{"low": {"value": 12, "unit": "g/dL"}, "text": "12 o más"}],
    "component": [
        {"code": {"text": "parte"}, "valueString": "visible", "interpretation": [{"text": "normal"}]},
    ],
}


def patient(**changes: Any) -> dict[str, Any]:
    return {**deepcopy(PATIENT), **changes}


def observation(**changes: Any) -> dict[str, Any]:
    return {**deepcopy(OBSERVATION), **changes}


def found(node: dict[str, Any], **options: Any) -> list[tuple[str, str]]:
    """(message key without its context, place) of every issue."""
    return [(issue.message.removeprefix("validation."), issue.expression) for issue in validate(node, **options)]


def errors(node: dict[str, Any], **options: Any) -> list[Issue]:
    return [issue for issue in validate(node, **options) if issue.severity == "error"]
