"""Laboratory: a request, its results with trends, and the report that groups them.

Each person has a level per analyte: a value that moves from where a disease found it towards where treatment (or the
disease) takes it, plus day-to-day noise. LDL and eGFR are computed, so panels agree with themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import exp
from typing import Any

from kuska.app.demo.population.codes import (
    CRITICAL_HIGH,
    HIGH,
    LAB_SECTION,
    LABORATORY,
    LOINC,
    LOW,
    NORMAL,
    UCUM,
    concept,
)
from kuska.app.demo.population.story import Ref, Story, Visit
from kuska.app.demo.population.vitals import number


@dataclass(frozen=True, slots=True)
class Level:
    start: float
    target: float
    since: int  # day ordinal
    days: float  # to go two thirds of the way
    noise: float

    def at(self, day: int) -> float:
        return self.target + (self.start - self.target) * exp(-max(0, day - self.since) / self.days)


@dataclass(frozen=True, slots=True)
class Analyte:
    """`low`/`high` for women and men; None = no limit on that side."""

    key: str
    code: dict[str, Any]
    unit: str
    ucum: str
    decimals: int
    female: tuple[float | None, float | None]
    male: tuple[float | None, float | None]
    usual: tuple[float, float, float, float]  # woman's mean, man's mean, spread between people, noise
    critical: float | None = None

    def limits(self, *, female: bool) -> tuple[float | None, float | None]:
        return self.female if female else self.male


def _analyte(  # noqa: PLR0917 - a table row
    key: str,
    loinc: str,
    display: str,
    text: str,
    unit: str,
    ucum: str,
    decimals: int,
    limits: tuple[float | None, float | None],
    usual: tuple[float, float, float, float],
    male: tuple[float | None, float | None] | None = None,
    critical: float | None = None,
) -> Analyte:
    return Analyte(
        key, concept(LOINC, loinc, display, text), unit, ucum, decimals, limits, male or limits, usual, critical
    )


ANALYTES = {a.key: a for a in (
    _analyte("hba1c", "4548-4", "Hemoglobina A1c/Hemoglobina total en sangre", "HbA1c", "%", "%", 1,
             (4.0, 5.6), (5.3, 5.3, 0.25, 0.12), critical=12),
    _analyte("glucose", "1558-6", "Glucosa en suero o plasma en ayunas", "Glucosa en ayunas", "mg/dL", "mg/dL", 0,
             (70, 99), (88, 91, 6, 4), critical=300),
    _analyte("creatinine", "2160-0", "Creatinina en suero o plasma", "Creatinina", "mg/dL", "mg/dL", 2,
             (0.5, 1.1), (0.72, 0.92, 0.09, 0.04), (0.7, 1.3), critical=5),
    _analyte("egfr", "98979-8", "Filtrado glomerular estimado (CKD-EPI 2021)", "TFG estimada",
             "mL/min/1,73 m2", "mL/min/{1.73_m2}", 0, (60, None), (0, 0, 0, 0)),
    _analyte("urea", "3091-6", "Urea en suero o plasma", "Urea", "mg/dL", "mg/dL", 0, (15, 45), (27, 31, 5, 3)),
    _analyte("cholesterol", "2093-3", "Colesterol total en suero o plasma", "Colesterol total", "mg/dL", "mg/dL", 0,
             (None, 200), (186, 182, 24, 8)),
    _analyte("hdl", "2085-9", "Colesterol HDL en suero o plasma", "Colesterol HDL", "mg/dL", "mg/dL", 0,
             (50, None), (52, 45, 8, 2.5), (40, None)),
    _analyte("triglycerides", "2571-8", "Triglicéridos en suero o plasma", "Triglicéridos", "mg/dL", "mg/dL", 0,
             (None, 150), (122, 140, 38, 14)),
    _analyte("ldl", "13457-7", "Colesterol LDL calculado en suero o plasma", "Colesterol LDL", "mg/dL", "mg/dL", 0,
             (None, 130), (0, 0, 0, 0)),
    _analyte("hemoglobin", "718-7", "Hemoglobina en sangre", "Hemoglobina", "g/dL", "g/dL", 1,
             (12.0, 16.0), (13.4, 15.0, 0.8, 0.3), (13.5, 17.5)),
    _analyte("hematocrit", "4544-3", "Hematocrito por conteo automatizado", "Hematocrito", "%", "%", 1,
             (36, 47), (0, 0, 0, 0), (40, 52)),
    _analyte("leukocytes", "6690-2", "Leucocitos en sangre por conteo automatizado", "Leucocitos",
             "10*3/uL", "10*3/uL", 1, (4.0, 10.5), (6.7, 6.9, 1.2, 0.7)),
    _analyte("platelets", "777-3", "Plaquetas en sangre por conteo automatizado", "Plaquetas",
             "10*3/uL", "10*3/uL", 0, (150, 450), (268, 248, 45, 15)),
    _analyte("tsh", "3016-3", "Tirotropina en suero o plasma", "TSH", "mUI/L", "m[IU]/L", 2,
             (0.4, 4.5), (2.1, 1.9, 0.6, 0.25)),
    _analyte("alt", "1742-6", "Alanina aminotransferasa en suero o plasma", "ALT", "U/L", "U/L", 0,
             (None, 35), (19, 25, 5, 3), (None, 45)),
    _analyte("potassium", "2823-3", "Potasio en suero o plasma", "Potasio", "mmol/L", "mmol/L", 1,
             (3.5, 5.1), (4.2, 4.3, 0.2, 0.15)),
    _analyte("uacr", "9318-7", "Albúmina/Creatinina en orina", "Relación albúmina/creatinina", "mg/g", "mg/g", 0,
             (None, 30), (9, 8, 3, 2)),
    _analyte("ferritin", "2276-4", "Ferritina en suero o plasma", "Ferritina", "ng/mL", "ng/mL", 0,
             (15, 150), (58, 110, 22, 8), (30, 400)),
)}  # fmt: skip

PANELS = {
    "metabolic": (concept(LOINC, "24323-8", "Panel metabólico en suero o plasma", "Perfil bioquímico"),
                  ("glucose", "creatinine", "egfr", "urea")),
    "lipids": (concept(LOINC, "24331-1", "Perfil lipídico en suero o plasma", "Perfil lipídico"),
               ("cholesterol", "hdl", "ldl", "triglycerides")),
    "blood": (concept(LOINC, "58410-2", "Hemograma por conteo automatizado", "Hemograma"),
              ("hemoglobin", "hematocrit", "leukocytes", "platelets")),
    "diabetes": (concept(LOINC, "4548-4", "Hemoglobina A1c/Hemoglobina total en sangre", "Control glicémico"),
                 ("hba1c", "glucose")),
    "kidney": (concept(LOINC, "24362-6", "Panel de función renal en suero o plasma", "Función renal"),
               ("creatinine", "egfr", "potassium", "uacr")),
    "thyroid": (concept(LOINC, "3016-3", "Tirotropina en suero o plasma", "Función tiroidea"), ("tsh",)),
    "iron": (concept(LOINC, "2276-4", "Ferritina en suero o plasma", "Control de anemia"), ("hemoglobin", "ferritin")),
    "liver": (concept(LOINC, "24325-3", "Panel de función hepática en suero o plasma", "Perfil hepático"), ("alt",)),
}  # fmt: skip


def _bound(analyte: Analyte, value: float) -> dict[str, Any]:
    return {"value": number(value, analyte.decimals), "unit": analyte.unit, "system": UCUM, "code": analyte.ucum}


def _range(analyte: Analyte, *, female: bool) -> list[dict[str, Any]]:
    low, high = analyte.limits(female=female)
    part: dict[str, Any] = {}
    if low is not None:
        part["low"] = _bound(analyte, low)
    if high is not None:
        part["high"] = _bound(analyte, high)
    unit = analyte.unit
    part["text"] = (
        f"{low:g} - {high:g} {unit}" if low and high else f"< {high:g} {unit}" if high else f"> {low:g} {unit}"
    )
    return [part]


_RANGES = {(key, female): _range(a, female=female) for key, a in ANALYTES.items() for female in (False, True)}


def _raw(story: Story, key: str, day: int) -> float:
    level = story.level.get(key)
    if level is None:
        woman, man, spread, noise = ANALYTES[key].usual
        mean = (woman if story.person.female else man) + story.rng.gauss(0, spread)
        level = story.level[key] = Level(mean, mean, day, 1.0, noise)
    return level.at(day) + story.rng.gauss(0, level.noise)


def _egfr(story: Story, creatinine: float, day: int) -> float:
    """CKD-EPI 2021, without race."""
    female = story.person.female
    kappa, alpha = (0.7, -0.241) if female else (0.9, -0.302)
    ratio = creatinine / kappa
    age = max(18.0, story.person.age(day))
    value = 142 * min(ratio, 1) ** alpha * max(ratio, 1) ** -1.2 * 0.9938**age * (1.012 if female else 1)
    return min(value, 135)


def measure(story: Story, panel: str, day: int) -> list[tuple[Analyte, Decimal | int]]:
    """The values of a panel on a day, derived ones computed from the others."""
    values: dict[str, float] = {}
    keys = PANELS[panel][1]
    for key in keys:
        if key not in {"ldl", "egfr", "hematocrit"}:
            values[key] = max(ANALYTES[key].usual[3] * 0.5, _raw(story, key, day))
    if "ldl" in keys:
        values["triglycerides"] = min(values["triglycerides"], 390)
        values["ldl"] = max(25.0, values["cholesterol"] - values["hdl"] - values["triglycerides"] / 5)
    if "egfr" in keys:
        values["egfr"] = _egfr(story, values["creatinine"], day)
    if "hematocrit" in keys:
        values["hematocrit"] = values["hemoglobin"] * 3 + story.rng.gauss(0, 0.4)
    return [(ANALYTES[key], number(values[key], ANALYTES[key].decimals)) for key in keys]


def _interpretation(analyte: Analyte, value: Decimal | int, *, female: bool) -> list[dict[str, Any]]:
    low, high = analyte.limits(female=female)
    if analyte.critical is not None and value >= analyte.critical:
        return CRITICAL_HIGH
    if low is not None and value < low:
        return LOW
    if high is not None and value > high:
        return HIGH
    return NORMAL


def order(story: Story, visit: Visit, code: dict[str, Any], category: dict[str, Any], reason: Ref | None) -> Ref:
    """The ServiceRequest of a test or study."""
    body: dict[str, Any] = {
        "status": "completed",
        "intent": "order",
        "category": [category],
        "priority": "routine",
        "code": code,
        "subject": story.patient,
        "encounter": visit.ref,
        "authoredOn": story.at(visit, 15),
        "requester": story.by(visit),
    }
    if reason is not None:
        body["reasonReference"] = [reason]
    return story.add("ServiceRequest", body)


_LAB_ORDER = concept("http://snomed.info/sct", "108252007", "Procedimiento de laboratorio")


def panel(story: Story, visit: Visit, name: str, reason: Ref | None = None) -> None:
    """Order, results and report of one panel at a visit."""
    code, _ = PANELS[name]
    female = story.person.female
    request = order(story, visit, code, _LAB_ORDER, reason)
    drawn, issued = story.at(visit, 40), story.at(visit, 210)
    laboratory = [visit.facility.organization.reference(story.ids)]
    results: list[Ref] = []
    for analyte, value in measure(story, name, visit.day):
        results.append(
            story.add(
                "Observation",
                {
                    "status": "final",
                    "category": LABORATORY,
                    "code": analyte.code,
                    "subject": story.patient,
                    "encounter": visit.ref,
                    "effectiveDateTime": drawn,
                    "issued": issued,
                    "performer": laboratory,
                    "valueQuantity": {"value": value, "unit": analyte.unit, "system": UCUM, "code": analyte.ucum},
                    "interpretation": _interpretation(analyte, value, female=female),
                    "referenceRange": _RANGES[analyte.key, female],
                },
            )
        )
    report: dict[str, Any] = {
        "basedOn": [request],
        "status": "final",
        "category": LAB_SECTION,
        "code": code,
        "subject": story.patient,
        "encounter": visit.ref,
        "effectiveDateTime": drawn,
        "issued": issued,
        "performer": laboratory,
        "result": results,
    }
    story.add("DiagnosticReport", report)
