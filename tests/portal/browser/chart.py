"""The record of Rosa, whom the pages' tests know, and of somebody else. Both are made up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from kuska.countries.registry import pack

Node = dict[str, Any]
_LOINC, _UCUM = "http://loinc.org", "http://unitsofmeasure.org"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_ALLERGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_MEANING = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_CLASS = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

_HBA1C = ("4548-4", "Hemoglobina glucosilada (HbA1c)")


def _coded(system: str, code: str, text: str = "") -> Node:
    return {"coding": [{"system": system, "code": code}], **({"text": text} if text else {})}


def _of_rosa(type_: str, id_: str, whom: str = "subject", **more: Any) -> Node:
    return {"resourceType": type_, "id": f"rosa-{id_}", whom: {"reference": "Patient/rosa"}, **more}


def _patient(id_: str, given: str, family: str, dni: str, birth: str) -> Node:
    return {
        "resourceType": "Patient",
        "id": id_,
        "active": True,
        "identifier": [{"system": pack("PE").documents[0].system, "value": dni}],
        "name": [{"use": "official", "text": f"{given} {family}", "given": [given], "family": family}],
        "gender": "female",
        "birthDate": birth,
    }


def _measured(id_: str, test: tuple[str, str], found: tuple[str, str, str], day: str, limits: tuple[str, str]) -> Node:
    """`found`: value, unit, what it means."""
    (value, unit, meaning), (low, high) = found, limits
    return _of_rosa(
        "Observation",
        id_,
        status="final",
        category=[_coded(_CATEGORY, "laboratory")],
        code=_coded(_LOINC, *test),
        effectiveDateTime=f"{day}T08:10:00-05:00",
        valueQuantity={"value": Decimal(value), "unit": unit, "system": _UCUM, "code": unit},
        interpretation=[_coded(_MEANING, meaning)],
        referenceRange=[{"low": {"value": Decimal(low), "unit": unit}, "high": {"value": Decimal(high), "unit": unit}}],
    )


RECORD: list[Node] = [
    _patient("rosa", "Rosa", "Quispe Mamani", "45678901", "1968-03-09"),
    {
        "resourceType": "Patient",
        "id": "liang",
        "identifier": [{"system": pack("PE").documents[1].system, "value": "001234567"}],
        "name": [{"text": "Liang Wei"}],
    },
    _patient("closed", "Juana", "Flores", "17801147", "1980-05-17"),
    _of_rosa(
        "AllergyIntolerance",
        "allergy",
        "patient",
        clinicalStatus=_coded(_ALLERGY, "active"),
        code=_coded("http://snomed.info/sct", "91936005", "Penicilina"),
        category=["medication"],
        criticality="high",
        reaction=[{"manifestation": [{"text": "Anafilaxia"}]}],
    ),
    _of_rosa(
        "Condition",
        "diabetes",
        clinicalStatus=_coded(_CLINICAL, "active"),
        code=_coded("http://hl7.org/fhir/sid/icd-10", "E11.9", "Diabetes mellitus tipo 2"),
        onsetDateTime="2014-06",
    ),
    _of_rosa(
        "MedicationRequest",
        "metformin",
        status="active",
        intent="order",
        medicationCodeableConcept={"text": "Metformina 850 mg, tableta"},
        authoredOn="2026-08-02",
        dosageInstruction=[{"text": "Una tableta con el desayuno y una con la cena"}],
    ),
    _measured("hba1c-1", _HBA1C, ("7.4", "%", "H"), "2026-02-11", ("4.0", "5.6")),
    _measured("hba1c-2", _HBA1C, ("8.9", "%", "HH"), "2026-08-02", ("4.0", "5.6")),
    _measured("hb", ("718-7", "Hemoglobina"), ("13.1", "g/dL", "N"), "2026-08-02", ("12.0", "16.0")),
    _of_rosa(
        "Encounter",
        "visit",
        status="finished",
        **{"class": {"system": _CLASS, "code": "AMB"}},
        type=[{"text": "Consulta de endocrinología"}],
        period={"start": "2026-08-02T21:30:00-05:00", "end": "2026-08-02T22:00:00-05:00"},
        reasonCode=[{"text": "Control de diabetes"}],
        participant=[{"individual": {"display": "Dr. Hugo Salas"}}],
    ),
]
