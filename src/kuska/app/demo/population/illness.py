"""Conditions and what is prescribed for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kuska.app.demo.population.calendar import day_text, instant
from kuska.app.demo.population.codes import ACTIVE, CONFIRMED, DIAGNOSIS, PROBLEM, RESOLVED, SNOMED, UCUM, concept, hl7
from kuska.app.demo.population.diseases import Acute, Chronic, Drug
from kuska.app.demo.population.labs import Level
from kuska.app.demo.population.story import Ref, Story, Visit
from kuska.app.demo.population.vitals import number

_ROUTES = {
    "oral": concept(SNOMED, "26643006", "Vía oral"),
    "inhalatoria": concept(SNOMED, "447694001", "Vía inhalatoria"),
    "subcutánea": concept(SNOMED, "34206005", "Vía subcutánea"),
    "intravenosa": concept(SNOMED, "47625008", "Vía intravenosa"),
}
_COMMUNITY = [hl7("medicationrequest-category", "community", "Comunidad")]


def chronic_condition(story: Story, disease: Chronic, onset: int, visit: Visit | None) -> Ref:
    body: dict[str, Any] = {
        "clinicalStatus": ACTIVE,
        "verificationStatus": CONFIRMED,
        "category": PROBLEM,
        "code": disease.code,
        "subject": story.patient,
    }
    if visit is not None:
        body["encounter"] = visit.ref
        body["asserter"] = story.by(visit)
    body["onsetDateTime"] = day_text(onset)
    body["recordedDate"] = story.at(visit, 12) if visit is not None else day_text(onset)
    return story.add("Condition", body)


def acute_condition(story: Story, visit: Visit, illness: Acute) -> Ref:
    end = visit.day + illness.days
    over = end < story.today
    body: dict[str, Any] = {
        "clinicalStatus": RESOLVED if over else ACTIVE,
        "verificationStatus": CONFIRMED,
        "category": DIAGNOSIS,
        "code": illness.code,
        "subject": story.patient,
        "encounter": visit.ref,
        "onsetDateTime": day_text(max(story.person.birth, visit.day - 1 - story.rng.randrange(4))),
        "recordedDate": story.at(visit, 12),
        "asserter": story.by(visit),
    }
    if over:
        body["abatementDateTime"] = day_text(end)
    return story.add("Condition", body)


def prescribe(
    story: Story,
    visit: Visit,
    drug: Drug,
    reason: Ref,
    *,
    days: int,
    ongoing: bool = False,
    category: Sequence[Any] = _COMMUNITY,
) -> Ref:
    end = visit.day + days
    active = ongoing or end >= story.today
    dose = {"value": number(drug.amount, 0), "unit": drug.unit, "system": UCUM, "code": drug.ucum}
    body: dict[str, Any] = {
        "status": "active" if active else "completed",
        "intent": "order",
        "category": category,
        "medicationCodeableConcept": drug.code,
        "subject": story.patient,
        "encounter": visit.ref,
        "authoredOn": story.at(visit, 18),
        "requester": story.by(visit),
        "reasonReference": [reason],
        "dosageInstruction": [
            {
                "text": drug.dose,
                "timing": {"repeat": {"frequency": drug.times, "period": 1, "periodUnit": "d"}},
                "route": _ROUTES[drug.route],
                "doseAndRate": [{"doseQuantity": dose}],
            }
        ],
        "dispenseRequest": {
            "validityPeriod": {"start": day_text(visit.day), "end": day_text(visit.day + min(days, 180))},
            "expectedSupplyDuration": {"value": min(days, 30), "unit": "días", "system": UCUM, "code": "d"},
        },
    }
    return story.add("MedicationRequest", body)


def settle_levels(story: Story, disease: Chronic, onset: int) -> None:
    """Let the laboratory show the disease and its treatment."""
    rng = story.rng
    good = rng.random() < 0.62  # treatment is followed
    key = disease.key
    if key == "diabetes":
        start = rng.gauss(9.1, 1.3)
        target = rng.gauss(6.9, 0.4) if good else rng.gauss(8.8, 0.9)
        story.level["hba1c"] = Level(max(6.6, start), max(6.0, target), onset, 240, 0.2)
        story.level["glucose"] = Level(start * 24 - 48, target * 23 - 42, onset, 200, 11)
    elif key == "dyslipidemia":
        peak = rng.gauss(252, 22)
        story.level["cholesterol"] = Level(peak, rng.gauss(188, 12) if good else peak - 18, onset, 200, 9)
        fat = rng.gauss(215, 45)
        story.level["triglycerides"] = Level(max(120.0, fat), max(95.0, fat * (0.68 if good else 0.93)), onset, 240, 17)
    elif key == "kidney":
        now = rng.gauss(1.45 if story.person.female else 1.75, 0.18)
        # Slowly worse: the target lies far away in time.
        story.level["creatinine"] = Level(now * 0.8, now * 1.7, onset, 3600, 0.05)
        story.level["urea"] = Level(44, 78, onset, 3600, 4)
        story.level["uacr"] = Level(rng.uniform(40, 220), rng.uniform(30, 320), onset, 1200, 12)
    elif key == "anaemia":
        start = rng.gauss(9.8, 0.8)
        story.level["hemoglobin"] = Level(start, rng.gauss(13.1, 0.5) if good else start + 0.6, onset, 120, 0.25)
        story.level["ferritin"] = Level(rng.uniform(5, 12), rng.uniform(35, 60) if good else 13, onset, 160, 2)
    elif key == "hypothyroidism":
        story.level["tsh"] = Level(
            rng.uniform(7, 16), rng.uniform(1.6, 3.6) if good else rng.uniform(5, 8), onset, 110, 0.3
        )
    elif key == "tuberculosis":
        story.level["alt"] = Level(24, rng.uniform(28, 62), onset, 60, 5)


def discharge_moment(story: Story, visit: Visit, nights: int) -> str:
    return instant(visit.day + nights, 11 * 60, story.zone)


def open_problem(story: Story, visit: Visit, code: dict[str, Any], *, resolved_after: int | None = None) -> Ref:
    """A problem found at a visit; resolved so many days later, if that is past."""
    over = resolved_after is not None and visit.day + resolved_after <= story.today
    body: dict[str, Any] = {
        "clinicalStatus": RESOLVED if over else ACTIVE,
        "verificationStatus": CONFIRMED,
        "category": PROBLEM,
        "code": code,
        "subject": story.patient,
        "encounter": visit.ref,
        "onsetDateTime": day_text(visit.day),
        "recordedDate": story.at(visit, 12),
        "asserter": story.by(visit),
    }
    if over and resolved_after is not None:
        body["abatementDateTime"] = day_text(visit.day + resolved_after)
    return story.add("Condition", body)
