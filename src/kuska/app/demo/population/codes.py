"""Coded values used again and again, as ready-made FHIR parts. Shared between resources: never changed in place."""

from __future__ import annotations

from typing import Any, Final

Part = dict[str, Any]

LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
ICD10: Final = "http://hl7.org/fhir/sid/icd-10"
ATC: Final = "http://www.whocc.no/atc"
CVX: Final = "http://hl7.org/fhir/sid/cvx"
UCUM: Final = "http://unitsofmeasure.org"
DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
PATHWAY: Final = "urn:kuska:pathway"
_HL7: Final = "http://terminology.hl7.org/CodeSystem"


def coding(system: str, code: str, display: str) -> Part:
    return {"system": system, "code": code, "display": display}


def concept(system: str, code: str, display: str, text: str | None = None) -> Part:
    part: Part = {"coding": [coding(system, code, display)]}
    if text is not None:
        part["text"] = text
    return part


def hl7(system: str, code: str, display: str) -> Part:
    return concept(f"{_HL7}/{system}", code, display)


VITAL_SIGNS: Final = [hl7("observation-category", "vital-signs", "Signos vitales")]
LABORATORY: Final = [hl7("observation-category", "laboratory", "Laboratorio")]
IMAGING: Final = [hl7("observation-category", "imaging", "Imágenes")]
SOCIAL_HISTORY: Final = [hl7("observation-category", "social-history", "Antecedentes sociales")]
EXAM: Final = [hl7("observation-category", "exam", "Examen")]

HIGH: Final = [hl7("v3-ObservationInterpretation", "H", "Alto")]
LOW: Final = [hl7("v3-ObservationInterpretation", "L", "Bajo")]
NORMAL: Final = [hl7("v3-ObservationInterpretation", "N", "Normal")]
CRITICAL_HIGH: Final = [hl7("v3-ObservationInterpretation", "HH", "Crítico alto")]

ACTIVE: Final = hl7("condition-clinical", "active", "Activo")
RESOLVED: Final = hl7("condition-clinical", "resolved", "Resuelto")
CONFIRMED: Final = hl7("condition-ver-status", "confirmed", "Confirmado")
PROBLEM: Final = [hl7("condition-category", "problem-list-item", "Lista de problemas")]
DIAGNOSIS: Final = [hl7("condition-category", "encounter-diagnosis", "Diagnóstico de la atención")]

AMBULATORY: Final = coding(f"{_HL7}/v3-ActCode", "AMB", "Ambulatorio")
EMERGENCY: Final = coding(f"{_HL7}/v3-ActCode", "EMER", "Emergencia")
INPATIENT: Final = coding(f"{_HL7}/v3-ActCode", "IMP", "Hospitalización")
TELEHEALTH: Final = coding(f"{_HL7}/v3-ActCode", "VR", "Telesalud")

LAB_SECTION: Final = [hl7("v2-0074", "LAB", "Laboratorio")]
RADIOLOGY_SECTION: Final = [hl7("v2-0074", "RAD", "Radiología")]
PATHOLOGY_SECTION: Final = [hl7("v2-0074", "SP", "Anatomía patológica")]

CT: Final = coding(DICOM, "CT", "Tomografía computarizada")
DX: Final = coding(DICOM, "DX", "Radiografía digital")
PT: Final = coding(DICOM, "PT", "Tomografía por emisión de positrones")
CHEST: Final = coding(SNOMED, "51185008", "Tórax")
