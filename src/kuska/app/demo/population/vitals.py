"""Vital signs of a visit: one Observation each, consistent with the person's body and diseases."""

from __future__ import annotations

from decimal import Decimal
from math import exp
from typing import Any

from kuska.app.demo.population.codes import HIGH, LOINC, LOW, NORMAL, UCUM, VITAL_SIGNS, concept
from kuska.app.demo.population.story import Story, Visit

_HEIGHT = concept(LOINC, "8302-2", "Estatura corporal", "Talla")
_WEIGHT = concept(LOINC, "29463-7", "Peso corporal", "Peso")
_BMI = concept(LOINC, "39156-5", "Índice de masa corporal", "IMC")
_PRESSURE = concept(
    LOINC, "85354-9", "Panel de presión arterial con todos los componentes opcionales", "Presión arterial"
)
_SYSTOLIC = concept(LOINC, "8480-6", "Presión arterial sistólica")
_DIASTOLIC = concept(LOINC, "8462-4", "Presión arterial diastólica")
_PULSE = concept(LOINC, "8867-4", "Frecuencia cardíaca", "Pulso")
_BREATHS = concept(LOINC, "9279-1", "Frecuencia respiratoria", "Frecuencia respiratoria")
_TEMPERATURE = concept(LOINC, "8310-5", "Temperatura corporal", "Temperatura")
_SATURATION = concept(LOINC, "2708-6", "Saturación de oxígeno en sangre arterial", "SpO2")
# Districts above about 3,000 m, where 88 % is normal.
_HIGH_ALTITUDE = frozenset({"210101", "211101", "120101", "120114", "080101", "080105", "090101", "020101"})


def number(value: float, decimals: int) -> Decimal | int:
    """A decimal with exactly its digits, as a device or analyser would print it."""
    return Decimal(round(value * 10**decimals)).scaleb(-decimals) if decimals else round(value)


def quantity(value: Decimal | int, unit: str, code: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": code}


class Body:
    """Height, weight, blood pressure of a person over the years."""

    __slots__ = ("altitude", "bmi", "growth", "height", "pressure", "story", "treated_from")

    def __init__(self, story: Story, *, obese: bool, hypertensive_from: int | None) -> None:
        rng, person = story.rng, story.person
        shift = -3.0 if person.country.code == "PE" else 0.0
        self.story = story
        self.height = (157.5 if person.female else 170.5) + shift + rng.gauss(0, 6.3)
        self.bmi = rng.gauss(33.5, 2.4) if obese else min(29.8, max(17.8, rng.gauss(25.4, 2.7)))
        self.pressure = rng.gauss(113, 8) + 0.22 * max(0.0, person.age(story.today) - 30)
        self.treated_from = hypertensive_from
        self.altitude = person.place.code in _HIGH_ALTITUDE
        self.growth = rng.gauss(0, 0.03)

    def height_at(self, age: float) -> float:
        if age >= 17:
            return self.height
        # From 50 cm at birth along a curve with a fast first year.
        share = 0.295 + 0.705 * (0.24 * (1 - exp(-1.4 * age)) + 0.76 * min(1.0, age / 17) ** 0.92)
        return self.height * share * (1 + self.growth * (1 - age / 17))

    def weight_at(self, age: float) -> float:
        height = self.height_at(age) / 100
        lean = (
            self.bmi if age >= 18 else 13.6 + (self.bmi - 13.6) * (age / 18) ** 1.4 + (2.6 * exp(-1.1 * abs(age - 0.9)))
        )
        return max(2.6, lean * height * height)

    def systolic_at(self, day: int) -> float:
        age = self.story.person.age(day)
        if age < 18:
            return 88 + 1.6 * age
        if self.treated_from is None:
            return min(137.0, self.pressure)
        # Found at about 158, under treatment towards 132 within the year.
        return 132 + 27 * exp(-max(0, day - self.treated_from) / 210)


def _observe(story: Story, visit: Visit, code: dict[str, Any], value: dict[str, Any], *limits: Decimal | int) -> None:
    """`limits`: low and high of the reference range."""
    low, high = limits
    amount = value["value"]
    units = {k: value[k] for k in ("unit", "system", "code")}
    story.add(
        "Observation",
        {
            "status": "final",
            "category": VITAL_SIGNS,
            "code": code,
            "subject": story.patient,
            "encounter": visit.ref,
            "effectiveDateTime": story.at(visit, 4),
            "performer": [story.by(visit)],
            "valueQuantity": value,
            "interpretation": LOW if amount < low else HIGH if amount > high else NORMAL,
            "referenceRange": [{"low": {"value": low, **units}, "high": {"value": high, **units}}],
        },
    )


def _measure(story: Story, visit: Visit, code: dict[str, Any], value: dict[str, Any]) -> None:
    """Without a reference range: height, weight."""
    story.add(
        "Observation",
        {
            "status": "final",
            "category": VITAL_SIGNS,
            "code": code,
            "subject": story.patient,
            "encounter": visit.ref,
            "effectiveDateTime": story.at(visit, 2),
            "performer": [story.by(visit)],
            "valueQuantity": value,
        },
    )


def blood_pressure(story: Story, visit: Visit, body: Body) -> None:
    systolic = round(body.systolic_at(visit.day) + story.rng.gauss(0, 6))
    diastolic = round(systolic * 0.45 + 22 + story.rng.gauss(0, 4))
    high = systolic >= 140 or diastolic >= 90
    story.add(
        "Observation",
        {
            "status": "final",
            "category": VITAL_SIGNS,
            "code": _PRESSURE,
            "subject": story.patient,
            "encounter": visit.ref,
            "effectiveDateTime": story.at(visit, 3),
            "performer": [story.by(visit)],
            "interpretation": HIGH if high else NORMAL,
            "component": [
                {"code": _SYSTOLIC, "valueQuantity": quantity(systolic, "mmHg", "mm[Hg]")},
                {"code": _DIASTOLIC, "valueQuantity": quantity(diastolic, "mmHg", "mm[Hg]")},
            ],
        },
    )


def anthropometry(story: Story, visit: Visit, body: Body) -> None:
    age = story.person.age(visit.day)
    height = body.height_at(age)
    weight = body.weight_at(age) * (1 + story.rng.gauss(0, 0.012))
    _measure(story, visit, _HEIGHT, quantity(number(height, 1), "cm", "cm"))
    _measure(story, visit, _WEIGHT, quantity(number(weight, 1), "kg", "kg"))
    if age >= 5:
        index = number(weight / (height / 100) ** 2, 1)
        _observe(story, visit, _BMI, quantity(index, "kg/m2", "kg/m2"), Decimal("18.5"), Decimal("24.9"))


def vital_signs(story: Story, visit: Visit, body: Body, *, fever: bool = False, breathless: bool = False) -> None:
    """What is taken at an ill visit: pulse, breathing, temperature and saturation when they say something."""
    rng = story.rng
    age = story.person.age(visit.day)
    resting = 74.0 if age > 12 else 125 - 4.2 * age
    pulse = round(resting + rng.gauss(0, 7) + (14 if fever else 0))
    _observe(
        story, visit, _PULSE, quantity(pulse, "latidos/min", "/min"), 60 if age > 12 else 70, 100 if age > 12 else 140
    )
    if fever:
        degrees = number(rng.gauss(38.3, 0.5), 1)
        _observe(story, visit, _TEMPERATURE, quantity(degrees, "°C", "Cel"), Decimal("36.0"), Decimal("37.5"))
    if breathless:
        breaths = round((16 if age > 12 else 26) + abs(rng.gauss(4, 3)))
        _observe(story, visit, _BREATHS, quantity(breaths, "resp/min", "/min"), 12, 20 if age > 12 else 30)
        usual = 90 if body.altitude else 97
        saturation = min(100, round(usual - abs(rng.gauss(0, 2.6))))
        _observe(story, visit, _SATURATION, quantity(saturation, "%", "%"), 88 if body.altitude else 94, 100)
