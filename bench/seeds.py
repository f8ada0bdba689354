"""The nine resources of the create-read-update-delete mix, in the order in which they need each other.

Types, order, links and the changed field are those of the public k6 suite for FHIR servers (k6/crud.js); the contents are ours:
nobody real, of the size and shape that a hospital's system sends. `@Type@` stands for the id of the resource made before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

_ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_MONEY = "PEN"


def _coded(system: str, code: str, display: str, text: str | None = None) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": text or display}


def _named(kind: str, name: str) -> dict[str, str]:
    return {"reference": f"{kind}/@{kind}@", "display": name}


_IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
_PERSON = {"use": "official", "family": "Quispe Mamani", "given": ["Rosa", "Elena"]}
_ADDRESS = {"use": "home", "line": ["Jr. Los Cedros 145"], "city": "Huancayo", "district": "El Tambo", "state": "Junín",
            "postalCode": "12006", "country": "PE"}  # fmt: skip
_PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Persona sintética de prueba</div>'},
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName", "valueString": "Mamani Condori"},
        {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
         "valueAddress": {"city": "Huancayo", "state": "Junín", "country": "PE"}},
    ],
    "identifier": [
        {"use": "official", "type": _coded(_IDENTIFIER_TYPE, "NI", "National unique individual identifier", "DNI"),
         "system": "urn:oid:2.16.840.1.113883.4.904", "value": "00204871"},
        {"type": _coded(_IDENTIFIER_TYPE, "MR", "Medical Record Number", "Historia clínica"),
         "system": "urn:kuska:bench:historia", "value": "HC-0204871"},
        {"type": _coded(_IDENTIFIER_TYPE, "PPN", "Passport Number", "Pasaporte"),
         "system": "urn:kuska:bench:pasaporte", "value": "X0204871"},
    ],
    "active": True,
    "name": [_PERSON, {"use": "maiden", "family": "Mamani", "given": ["Rosa", "Elena"]}],
    "telecom": [{"system": "phone", "value": "+51 900 000 145", "use": "mobile"},
                {"system": "email", "value": "rosa.quispe@example.org", "use": "home"}],
    "gender": "female",
    "birthDate": "1971-03-18",
    "address": [{**_ADDRESS, "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/geolocation", "extension": [
        {"url": "latitude", "valueDecimal": -12.0651}, {"url": "longitude", "valueDecimal": -75.2049}]}]}],
    "maritalStatus": _coded("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M", "Married", "Casada"),
    "multipleBirthBoolean": False,
    "communication": [{"language": _coded("urn:ietf:bcp:47", "es", "Español")}],
}  # fmt: skip
_LOCATION: dict[str, Any] = {
    "resourceType": "Location",
    "identifier": [{"system": "urn:kuska:bench:sede", "value": "90000101-A"}],
    "status": "active",
    "name": "Centro de Salud Los Arrayanes, consulta externa",
    "telecom": [{"system": "phone", "value": "+51 900 000 100"}],
    "address": {key: value for key, value in _ADDRESS.items() if key != "use"},
    "position": {"longitude": -75.2049, "latitude": -12.0651},
}
_ORGANIZATION: dict[str, Any] = {
    "resourceType": "Organization",
    "identifier": [{"system": "urn:kuska:bench:establecimiento", "value": "90000101"}],
    "active": True,
    "type": [_coded("http://terminology.hl7.org/CodeSystem/organization-type", "prov", "Healthcare Provider")],
    "name": "Centro de Salud Los Arrayanes",
    "telecom": [{"system": "phone", "value": "+51 900 000 100"}],
    "address": [{key: value for key, value in _ADDRESS.items() if key != "use"}],
}
_PRACTITIONER: dict[str, Any] = {
    "resourceType": "Practitioner",
    "identifier": [{"system": "urn:kuska:bench:colegiatura", "value": "700145"}],
    "active": True,
    "name": [{"family": "Ocaña Ñique", "given": ["Elvis"], "prefix": ["Dr."]}],
    "telecom": [{"system": "email", "value": "elvis.ocana@example.org", "use": "work"}],
    "address": [{key: value for key, value in _ADDRESS.items() if key != "use"}],
    "gender": "male",
}
_ENCOUNTER: dict[str, Any] = {
    "resourceType": "Encounter",
    "identifier": [{"use": "official", "system": "urn:kuska:bench:atencion", "value": "AT-2026-0098123"}],
    "status": "planned",
    "class": {"system": _ACT, "code": "AMB", "display": "ambulatory"},
    "type": [_coded("http://snomed.info/sct", "185349003", "Encounter for check up", "Consulta ambulatoria")],
    "subject": _named("Patient", "Rosa Elena Quispe Mamani"),
    "participant": [{
        "type": [_coded("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "PPRF", "primary performer")],
        "period": {"start": "2026-10-05T09:15:00-05:00", "end": "2026-10-05T09:40:00-05:00"},
        "individual": _named("Practitioner", "Dr. Elvis Ocaña Ñique"),
    }],
    "period": {"start": "2026-10-05T09:15:00-05:00", "end": "2026-10-05T09:40:00-05:00"},
    "location": [{"location": _named("Location", "Centro de Salud Los Arrayanes, consulta externa")}],
    "serviceProvider": _named("Organization", "Centro de Salud Los Arrayanes"),
}  # fmt: skip
_OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "category": [_coded("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs", "Vital Signs")],
    "code": _coded("http://loinc.org", "8302-2", "Body height", "Talla"),
    "subject": {"reference": "Patient/@Patient@"},
    "encounter": {"reference": "Encounter/@Encounter@"},
    "effectiveDateTime": "2026-10-05T09:20:00-05:00",
    "issued": "2026-10-05T09:20:00.120-05:00",
    "valueQuantity": {"value": 156.4, "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"},
}
_MEDICATION: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "status": "on-hold",
    "intent": "order",
    "medicationCodeableConcept": _coded("http://www.whocc.no/atc", "C09CA01", "Losartan", "Losartán potásico 50 mg tableta"),
    "subject": {"reference": "Patient/@Patient@"},
    "encounter": {"reference": "Encounter/@Encounter@"},
    "authoredOn": "2026-10-05T09:35:00-05:00",
    "requester": _named("Practitioner", "Dr. Elvis Ocaña Ñique"),
    "dosageInstruction": [{
        "sequence": 1, "text": "1 tableta cada 24 horas", "asNeededBoolean": False,
        "timing": {"repeat": {"frequency": 1, "period": 1.0, "periodUnit": "d"}},
        "doseAndRate": [{"type": _coded("http://terminology.hl7.org/CodeSystem/dose-rate-type", "ordered", "Ordered"),
                         "doseQuantity": {"value": 1.0, "unit": "tableta"}}],
    }],
}  # fmt: skip
_PERIOD = {"start": "2026-10-05T09:15:00-05:00", "end": "2026-10-05T09:40:00-05:00"}
_CLAIM_TYPE = "http://terminology.hl7.org/CodeSystem/claim-type"
_PRIORITY = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/processpriority", "code": "normal"}]}
_CLAIM: dict[str, Any] = {
    "resourceType": "Claim",
    "status": "active",
    "type": {"coding": [{"system": _CLAIM_TYPE, "code": "pharmacy"}]},
    "use": "claim",
    "patient": _named("Patient", "Rosa Elena Quispe Mamani"),
    "billablePeriod": _PERIOD,
    "created": "2026-10-05T09:40:00-05:00",
    "provider": _named("Organization", "Centro de Salud Los Arrayanes"),
    "priority": _PRIORITY,
    "prescription": {"reference": "MedicationRequest/@MedicationRequest@"},
    "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "Seguro Integral de Salud"}}],
    "item": [{"sequence": 1, "productOrService": _coded("http://www.whocc.no/atc", "C09CA01", "Losartan"),
              "encounter": [{"reference": "Encounter/@Encounter@"}]}],
    "total": {"value": 41.63, "currency": _MONEY},
}  # fmt: skip
_SETTLING = "http://terminology.hl7.org/CodeSystem/adjudication"


def _settled(code: str, display: str, amount: float) -> dict[str, Any]:
    return {"category": {"coding": [{"system": _SETTLING, "code": code, "display": display}]},
            "amount": {"value": amount, "currency": _MONEY}}  # fmt: skip


_BENEFIT: dict[str, Any] = {
    "resourceType": "ExplanationOfBenefit",
    "contained": [
        {"resourceType": "ServiceRequest", "id": "referral", "status": "completed", "intent": "order",
         "subject": {"reference": "Patient/@Patient@"}, "requester": {"reference": "Practitioner/@Practitioner@"},
         "performer": [{"reference": "Practitioner/@Practitioner@"}]},
        {"resourceType": "Coverage", "id": "coverage", "status": "active", "type": {"text": "Seguro Integral de Salud"},
         "beneficiary": {"reference": "Patient/@Patient@"}, "payor": [{"display": "Seguro Integral de Salud"}]},
    ],
    "identifier": [{"system": "urn:kuska:bench:liquidacion", "value": "LQ-2026-0098123"},
                   {"system": "urn:kuska:bench:lote", "value": "99999999999"}],
    "status": "active",
    "type": {"coding": [{"system": _CLAIM_TYPE, "code": "professional"}]},
    "use": "claim",
    "patient": {"reference": "Patient/@Patient@"},
    "billablePeriod": {"start": "2026-10-05T09:40:00-05:00", "end": "2027-10-05T09:40:00-05:00"},
    "created": "2026-10-06T09:40:00-05:00",
    "insurer": {"display": "Seguro Integral de Salud"},
    "provider": {"reference": "Practitioner/@Practitioner@"},
    "referral": {"reference": "#referral"},
    "claim": {"reference": "Claim/@Claim@"},
    "outcome": "complete",
    "careTeam": [{"sequence": 1, "provider": {"reference": "Practitioner/@Practitioner@"},
                  "role": _coded("http://terminology.hl7.org/CodeSystem/claimcareteamrole", "primary", "Primary provider")}],
    "insurance": [{"focal": True, "coverage": {"reference": "#coverage", "display": "Seguro Integral de Salud"}}],
    "item": [
        {"sequence": place, "category": _coded("http://terminology.hl7.org/CodeSystem/ex-benefitcategory", "1", "Medical Care"),
         "productOrService": _coded("http://snomed.info/sct", code, text), "servicedPeriod": _PERIOD,
         "locationCodeableConcept": _coded("http://terminology.hl7.org/CodeSystem/ex-serviceplace", "11", "Office"),
         **({"encounter": [{"reference": "Encounter/@Encounter@"}]} if place == 1 else {}),
         "net": {"value": price, "currency": _MONEY},
         "adjudication": [_settled("submitted", "Submitted Amount", price), _settled("copay", "CoPay", round(price / 5, 2)),
                          _settled("eligible", "Eligible Amount", price), _settled("benefit", "Benefit Amount", round(price * 0.8, 2))]}
        for place, code, text, price in ((1, "185349003", "Encounter for check up", 129.16), (2, "430193006", "Medication reconciliation", 52.4))
    ],
    "total": [_settled("submitted", "Submitted Amount", 181.56)],
    "payment": {"amount": {"value": 145.25, "currency": _MONEY}},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seed:
    """`old` in the stored resource becomes `new` in the update."""

    type: str
    body: bytes
    old: bytes
    new: bytes
    needs: tuple[str, ...]

    def filled(self, ids: dict[str, bytes]) -> bytes:
        body = self.body
        for type_ in self.needs:
            body = body.replace(b"@%s@" % type_.encode(), ids[type_])
        return body


def _seed(node: dict[str, Any], old: str, new: str) -> Seed:
    body = msgspec.json.encode(node)
    needs = tuple(seed for seed in _ORDER if f"@{seed}@".encode() in body)
    if old.encode() not in body:
        raise ValueError(f"{node['resourceType']} has no {old}")
    return Seed(node["resourceType"], body, old.encode(), new.encode(), needs)


_ORDER = ("Patient", "Location", "Organization", "Practitioner", "Encounter", "Observation", "MedicationRequest", "Claim",
          "ExplanationOfBenefit")  # fmt: skip
SEEDS = (
    _seed(_PATIENT, '"gender":"female"', '"gender":"unknown"'),
    _seed(_LOCATION, 'consulta externa"', 'consulta externa, segundo piso"'),
    _seed(_ORGANIZATION, '"name":"Centro de Salud Los Arrayanes"', '"name":"Centro de Salud Los Arrayanes II"'),
    _seed(_PRACTITIONER, '"gender":"male"', '"gender":"unknown"'),
    _seed(_ENCOUNTER, '"status":"planned"', '"status":"in-progress"'),
    _seed(_OBSERVATION, '"issued":"2026-10-05T09:20:00.120-05:00"', '"issued":"2026-10-05T09:31:10.003-05:00"'),
    _seed(_MEDICATION, '"status":"on-hold"', '"status":"draft"'),
    _seed(_CLAIM, '"created":"2026-10-05T09:40:00-05:00"', '"created":"2026-10-05T10:02:00-05:00"'),
    _seed(_BENEFIT, '"created":"2026-10-06T09:40:00-05:00"', '"created":"2026-10-06T10:02:00-05:00"'),
)
