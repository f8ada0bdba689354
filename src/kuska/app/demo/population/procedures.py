"""Procedures done to somebody, and the stay and letter that go with an operation."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from kuska.app.demo.population.calendar import day_text
from kuska.app.demo.population.codes import ICD10, INPATIENT, LOINC, SNOMED, concept
from kuska.app.demo.population.facilities import SURGERY
from kuska.app.demo.population.illness import discharge_moment, open_problem
from kuska.app.demo.population.story import Ref, Story, Visit

_DISCHARGE = concept(LOINC, "18842-5", "Epicrisis", "Epicrisis")
_OPERATIONS = (
    # condition, operation, woman's and man's share over the window at 40+, nights
    (concept(ICD10, "K80.2", "Cálculo de la vesícula biliar sin colecistitis", "Colelitiasis"),
     concept(SNOMED, "38102005", "Colecistectomía", "Colecistectomía laparoscópica"), 0.05, 0.02, 2),
    (concept(ICD10, "K35.8", "Otras apendicitis agudas y las no especificadas", "Apendicitis aguda"),
     concept(SNOMED, "80146002", "Apendicectomía", "Apendicectomía"), 0.012, 0.014, 3),
    (concept(ICD10, "K40.9", "Hernia inguinal unilateral o no especificada, sin obstrucción ni gangrena", "Hernia inguinal"),
     concept(SNOMED, "44558001", "Reparación de hernia inguinal", "Hernioplastia inguinal"), 0.004, 0.03, 1),
    (concept(ICD10, "H25.9", "Catarata senil, no especificada", "Catarata"),
     concept(SNOMED, "110473004", "Cirugía de catarata", "Facoemulsificación"), 0.03, 0.03, 1),
)  # fmt: skip


def procedure(
    story: Story,
    visit: Visit,
    kind: dict[str, Any],
    reason: Ref,
    *,
    minutes: int,
    site: str | None = None,
    request: Ref | None = None,
) -> Ref:
    body: dict[str, Any] = {
        "status": "completed",
        "code": kind,
        "subject": story.patient,
        "encounter": visit.ref,
        "performedPeriod": {"start": story.at(visit, 45), "end": story.at(visit, 45 + minutes)},
        "performer": [{"actor": story.by(visit), "onBehalfOf": visit.facility.organization.reference(story.ids)}],
        "location": visit.facility.location.reference(story.ids),
        "reasonReference": [reason],
    }
    if request is not None:
        body["basedOn"] = [request]
    if site is not None:
        body["bodySite"] = [{"text": site.capitalize()}]
    return story.add("Procedure", body)


def discharge_letter(story: Story, visit: Visit, nights: int, diagnosis: str, treatment: str) -> None:
    """The epicrisis, as the plain text that small hospitals really send."""
    text = (
        f"EPICRISIS\n{visit.facility.organization.display}\n"
        f"Ingreso: {day_text(visit.day)}  Alta: {day_text(visit.day + nights)}\n"
        f"Diagnóstico: {diagnosis}.\nTratamiento: {treatment}, sin incidentes.\n"
        "Evolución favorable, tolera vía oral, herida sin signos de infección.\n"
        f"Indicaciones: reposo relativo {5 + story.rng.randrange(10)} días, control en consultorio externo, "
        "acudir a emergencia si presenta fiebre, sangrado o dolor intenso."
    )
    raw = text.encode()
    moment = discharge_moment(story, visit, nights)
    attachment = {
        "contentType": "text/plain; charset=utf-8",
        "language": "es",
        "data": b64encode(raw).decode(),
        "size": len(raw),
        "title": "Epicrisis",
        "creation": moment,
    }
    story.add(
        "DocumentReference",
        {
            "status": "current",
            "docStatus": "final",
            "type": _DISCHARGE,
            "category": [{"text": "Documento clínico"}],
            "subject": story.patient,
            "date": moment,
            "author": [story.by(visit)],
            "custodian": visit.facility.organization.reference(story.ids),
            "content": [{"attachment": attachment}],
            "context": {"encounter": [visit.ref]},
        },
    )


def operation(story: Story, day: int, condition: dict[str, Any], kind: dict[str, Any], nights: int) -> Visit:
    """A stay with an operation and its letter."""
    visit = story.visit(day, story.hospital, SURGERY, condition, kind=INPATIENT, nights=nights)
    reason = open_problem(story, visit, condition, resolved_after=nights + 20)
    procedure(story, visit, kind, reason, minutes=70 + 10 * story.rng.randrange(8))
    discharge_letter(story, visit, nights, condition["text"], kind["text"])
    return visit


def operations(story: Story) -> None:
    """The common operations of a life, within the window."""
    person, rng = story.person, story.rng
    age = person.age(story.today)
    for condition, kind, woman, man, nights in _OPERATIONS:
        share = (woman if person.female else man) * min(1.0, age / 50) ** 2
        if kind is _OPERATIONS[3][1]:
            share = share * 3 if age > 64 else 0.0
        if rng.random() < share:
            operation(story, story.today - rng.randint(30, 1300), condition, kind, nights)
