"""Allergies, immunizations and smoking history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kuska.app.demo.population.calendar import day_text
from kuska.app.demo.population.codes import CVX, LOINC, SNOMED, SOCIAL_HISTORY, concept, hl7
from kuska.app.demo.population.story import Story, Visit
from kuska.app.demo.population.vitals import number, quantity

_ALLERGY_ACTIVE = hl7("allergyintolerance-clinical", "active", "Activa")
_ALLERGY_CONFIRMED = hl7("allergyintolerance-verification", "confirmed", "Confirmada")
NONE_KNOWN = concept(SNOMED, "716186003", "Sin alergias conocidas", "Sin alergias conocidas")
_ALLERGENS = (
    ("764146007", "Penicilina", "medication", 30, ("271807003", "Erupción cutánea")),
    ("387207008", "Ibuprofeno", "medication", 15, ("126485001", "Urticaria")),
    ("387517004", "Paracetamol", "medication", 4, ("271807003", "Erupción cutánea")),
    ("387406002", "Sulfonamida", "medication", 12, ("271807003", "Erupción cutánea")),
    ("735029006", "Mariscos", "food", 18, ("126485001", "Urticaria")),
    ("762952008", "Maní", "food", 6, ("39579001", "Anafilaxia")),
    ("256277009", "Polen de gramíneas", "environment", 16, ("70076002", "Rinitis")),
    ("260147004", "Ácaros del polvo", "environment", 14, ("70076002", "Rinitis")),
)
_ALLERGY_WEIGHTS = [row[3] for row in _ALLERGENS]
_VACCINES = (
    # months of age, CVX, name, dose
    (0, "19", "BCG", 1),
    (0, "08", "Hepatitis B pediátrica", 1),
    (2, "102", "Pentavalente (DTP-Hib-Hep B)", 1),
    (2, "133", "Neumococo conjugada 13-valente", 1),
    (4, "102", "Pentavalente (DTP-Hib-Hep B)", 2),
    (4, "10", "Polio inactivada (IPV)", 2),
    (6, "102", "Pentavalente (DTP-Hib-Hep B)", 3),
    (12, "03", "Sarampión, rubéola y parotiditis (SRP)", 1),
    (12, "133", "Neumococo conjugada 13-valente", 3),
    (18, "21", "Varicela", 1),
    (48, "03", "Sarampión, rubéola y parotiditis (SRP)", 2),
    (132, "62", "Virus del papiloma humano tetravalente", 1),
)
_INFLUENZA = ("88", "Influenza")
_COVID = ("213", "SARS-CoV-2 (COVID-19)")
_SMOKING = concept(LOINC, "72166-2", "Estado de tabaquismo", "Tabaquismo")
_PACK_YEARS = concept(LOINC, "8664-5", "Cigarrillos fumados en total (paquetes-año)", "Paquetes-año")
_SMOKING_VALUES = {
    "never": concept(SNOMED, "266919005", "Nunca ha fumado"),
    "former": concept(SNOMED, "8517006", "Exfumador"),
    "current": concept(SNOMED, "77176002", "Fumador"),
}


@dataclass(frozen=True, slots=True)
class Smoking:
    status: str  # never | former | current
    pack_years: float = 0.0


def allergies(story: Story, recorded: Visit | None) -> None:
    """About one in eleven has one; of the others, two in five have "none known" written down, the rest nothing."""
    rng = story.rng
    point = rng.random()
    day = recorded.day if recorded is not None else max(story.person.birth, story.today - rng.randint(200, 2000))
    if point < 0.09:
        code, name, category, _, (reaction, manifestation) = rng.choices(_ALLERGENS, _ALLERGY_WEIGHTS)[0]
        severe = reaction == "39579001"
        body: dict[str, Any] = {
            "clinicalStatus": _ALLERGY_ACTIVE,
            "verificationStatus": _ALLERGY_CONFIRMED,
            "type": "allergy",
            "category": [category],
            "criticality": "high" if severe or name == "Penicilina" else "low",
            "code": concept(SNOMED, code, name, name),
            "patient": story.patient,
            "recordedDate": day_text(day),
            "reaction": [
                {
                    "manifestation": [concept(SNOMED, reaction, manifestation)],
                    "severity": "severe" if severe else rng.choice(("mild", "moderate")),
                }
            ],
        }
    elif point < 0.45:
        body = {
            "clinicalStatus": _ALLERGY_ACTIVE,
            "verificationStatus": _ALLERGY_CONFIRMED,
            "code": NONE_KNOWN,
            "patient": story.patient,
            "recordedDate": day_text(day),
        }
    else:
        return
    if recorded is not None:
        body["recorder"] = story.by(recorded)
    story.add("AllergyIntolerance", body)


def _immunize(story: Story, day: int, code: str, name: str, dose: int) -> None:
    facility = story.home
    nurse = facility.with_specialty(1)
    story.add(
        "Immunization",
        {
            "status": "completed",
            "vaccineCode": concept(CVX, code, name, name),
            "patient": story.patient,
            "occurrenceDateTime": day_text(day),
            "primarySource": True,
            "location": facility.location.reference(story.ids),
            "lotNumber": f"L{story.rng.randrange(10_000, 99_999)}",
            "performer": [{"actor": nurse.person.reference(story.ids)}],
            "protocolApplied": [{"doseNumberPositiveInt": dose}],
        },
    )


def immunizations(story: Story) -> None:
    """Children: the schedule so far. Adults: influenza in some of the last years, COVID-19."""
    rng, person, today = story.rng, story.person, story.today
    age = person.age(today)
    if age < 14:
        for months, code, name, dose in _VACCINES:
            day = person.birth + int(months * 30.44) + rng.randrange(25)
            if day <= today and rng.random() < 0.92 and (months < 100 or person.female):
                _immunize(story, day, code, name, dose)
        return
    keen = 0.62 if age >= 60 else 0.2
    for years in range(2):
        if rng.random() < keen:
            day = today - 365 * years - 150 - rng.randrange(60)
            _immunize(story, day, *_INFLUENZA, dose=1)
    if rng.random() < 0.35:
        _immunize(story, today - rng.randint(400, 1100), *_COVID, dose=rng.choice((3, 4)))


def draw_smoking(story: Story) -> Smoking:
    rng, person = story.rng, story.person
    age = person.age(story.today)
    if age < 16:
        return Smoking("never")
    heavy = person.country.code == "CL"
    current = (0.26 if heavy else 0.08) if person.female else (0.31 if heavy else 0.18)
    former = 0.22 if heavy else 0.15
    point = rng.random()
    if point >= current + former:
        return Smoking("never")
    years = max(1.0, (age - 18) * (1.0 if point < current else rng.uniform(0.3, 0.8)))
    packs = min(2.0, max(0.05, rng.lognormvariate(-0.75, 0.6)))
    return Smoking("current" if point < current else "former", years * packs)


def smoking_history(story: Story, visit: Visit, smoking: Smoking) -> None:
    base = {
        "status": "final",
        "category": SOCIAL_HISTORY,
        "subject": story.patient,
        "encounter": visit.ref,
        "effectiveDateTime": story.at(visit, 6),
        "performer": [story.by(visit)],
    }
    story.add("Observation", {**base, "code": _SMOKING, "valueCodeableConcept": _SMOKING_VALUES[smoking.status]})
    if smoking.pack_years >= 1:
        packs = quantity(number(smoking.pack_years, 1), "paquetes-año", "{pack-years}")
        story.add("Observation", {**base, "code": _PACK_YEARS, "valueQuantity": packs})
