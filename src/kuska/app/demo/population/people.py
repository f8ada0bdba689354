"""Lives, one after the other: the door of the population."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from kuska.app.demo.population.codes import EMERGENCY, ICD10, concept
from kuska.app.demo.population.diseases import ACUTE, CHRONIC, Acute, Chronic
from kuska.app.demo.population.facilities import GENERAL, INTERNAL, PAEDIATRICS, network
from kuska.app.demo.population.illness import acute_condition, chronic_condition, prescribe, settle_levels
from kuska.app.demo.population.imaging import CHEST_XRAY, study
from kuska.app.demo.population.labs import panel
from kuska.app.demo.population.links import Ids, bundle, entry, local
from kuska.app.demo.population.lung import screen, suspicious_case
from kuska.app.demo.population.person import CAPACITY, coverage_node, draw_person, patient_node
from kuska.app.demo.population.prevention import Smoking, allergies, draw_smoking, immunizations, smoking_history
from kuska.app.demo.population.procedures import operations
from kuska.app.demo.population.story import Ref, Story, Visit
from kuska.app.demo.population.vitals import Body, anthropometry, blood_pressure, vital_signs
from kuska.countries.registry import pack

REFERENCE_DATE = date(2026, 11, 1)
DEFAULT_MIX: Mapping[str, float] = {"PE": 0.6, "CL": 0.4}
# Visits and results go back this far; conditions may be older.
_WINDOW = 4 * 365
_CHECKUP = concept(ICD10, "Z00.0", "Examen médico general", "Control de salud")
_CHILD_CHECKUP = concept(ICD10, "Z00.1", "Control de salud de rutina del niño", "Control de niño sano")
# Lung-cancer journeys are some thirty times as frequent as in life; see the package's docstring.
_SUSPICIOUS = 0.05
_SCREENED = 0.35


@dataclass(frozen=True, slots=True)
class Life:
    """All resources of one person. `nodes` are read-only: they share parts."""

    number: int
    country: str
    ids: Ids
    patient: str  # the Patient's id (client ids) or the uuid of its bundle entry
    document: str  # normal form of the identity document
    document_system: str
    nodes: tuple[tuple[str, dict[str, Any]], ...]  # (uuid, resource), the Patient first

    def resources(self) -> Iterator[dict[str, Any]]:
        return (node for _, node in self.nodes)

    def bundle(self) -> dict[str, Any]:
        """One transaction that stores this life."""
        return bundle([entry(self.ids, uuid, node) for uuid, node in self.nodes])


@dataclass(slots=True)
class _Illness:
    disease: Chronic
    onset: int
    ref: Ref | None = None


def people(
    count: int,
    seed: int = 1,
    country_mix: Mapping[str, float] = DEFAULT_MIX,
    *,
    ids: Ids = Ids.SERVER,
    today: date = REFERENCE_DATE,
    start: int = 0,
) -> Iterator[Life]:
    """Persons start .. start+count-1 of the population that the seed stands for."""
    if start + count > CAPACITY:
        msg = f"documents repeat after {CAPACITY:,} people"
        raise ValueError(msg)
    for number in range(start, start + count):
        yield life(number, seed, country_mix, ids=ids, today=today)


def life(number: int, seed: int = 1, country_mix: Mapping[str, float] = DEFAULT_MIX, *, ids: Ids = Ids.SERVER,
         today: date = REFERENCE_DATE) -> Life:  # fmt: skip
    rng = Random(seed << 40 | number)
    country = pack(_draw_country(rng, country_mix))
    day = today.toordinal()
    person = draw_person(rng, country, number, seed, day)
    # Nothing happens to anybody after their death.
    story = Story(person, network(country.code, seed), rng, person.death or day, ids)
    patient = _introduce(story)
    _live(story)
    scheme = country.documents[0]
    return Life(number, country.code, ids, patient, person.document, scheme.system, tuple(story.nodes))


def _draw_country(rng: Random, mix: Mapping[str, float]) -> str:
    return rng.choices(list(mix), list(mix.values()))[0]


def _introduce(story: Story) -> str:
    """Patient and Coverage."""
    person, ids = story.person, story.ids
    uuid = story.new_id()
    story.patient = {"reference": local(ids, "Patient", uuid)}
    doctor = story.home.with_specialty(PAEDIATRICS if person.age(story.today) < 15 else GENERAL)
    node = patient_node(story.rng, person, doctor.person.reference(ids), story.home.organization.reference(ids))
    story.add("Patient", node, uuid)
    if person.payer is not None:
        payer = next(shared for known, shared in story.network.payers if known is person.payer)
        start = max(person.birth, story.today - story.rng.randint(300, 4000))
        story.add("Coverage", coverage_node(person, story.patient, payer.reference(ids), start))
    return uuid


def _live(story: Story) -> None:
    person, rng, today = story.person, story.rng, story.today
    age = person.age(today)
    illnesses = _draw_illnesses(story, age)
    keys = {illness.disease.key for illness in illnesses}
    pressure = next((i.onset for i in illnesses if i.disease.key == "hypertension"), None)
    body = Body(story, obese="obesity" in keys, hypertensive_from=pressure)
    smoking = draw_smoking(story)
    for illness in illnesses:
        settle_levels(story, illness.disease, illness.onset)
    first = _controls(story, body, illnesses, smoking, age)
    allergies(story, first)
    _episodes(story, body, age)
    immunizations(story)
    operations(story)
    if 48 <= age < 85 and rng.random() < _SUSPICIOUS * (3 if smoking.pack_years >= 20 else 1):
        suspicious_case(story, smoking)
    elif 50 <= age < 80 and smoking.pack_years >= 20 and rng.random() < _SCREENED:
        screen(story, smoking)


def _draw_illnesses(story: Story, age: float) -> list[_Illness]:
    person, rng = story.person, story.rng
    found: list[_Illness] = []
    for disease in CHRONIC:
        if disease.country in {None, person.country.code} and rng.random() < disease.share(age, female=person.female):
            years = rng.uniform(0.2, min(14.0, max(0.4, age - disease.youngest)))
            if disease.key == "tuberculosis":
                years = rng.uniform(0.1, 2.5)
            found.append(_Illness(disease, max(person.birth + 90, story.today - int(years * 365))))
    return found


def _controls(story: Story, body: Body, illnesses: list[_Illness], smoking: Smoking, age: float) -> Visit | None:
    """Planned visits within the window: check-ups, and controls of what somebody has."""
    person, rng, today = story.person, story.rng, story.today
    rate = 2.2 if age < 2 else 0.9 if age < 10 else 0.35 if age < 40 else 0.55
    rate = min(3.4, rate + 0.62 * sum(i.disease.controls for i in illnesses))
    window = min(_WINDOW, today - person.birth)
    count = int(rate * window / 365 + rng.random())
    days = sorted(today - window + int((i + rng.random() * 0.8) * window / count) for i in range(count))
    first: Visit | None = None
    for at, day in enumerate(days):
        known = [i for i in illnesses if i.onset <= day]
        cause = rng.choice(known) if known else None
        child = person.age(day) < 14
        reason = cause.disease.code if cause else _CHILD_CHECKUP if child else _CHECKUP
        facility = story.hospital if cause and rng.random() < 0.3 else story.home
        specialty = INTERNAL if facility is story.hospital else PAEDIATRICS if child else GENERAL
        visit = story.visit(day, facility, specialty, reason)
        if first is None:
            first = visit
            if age >= 18:
                smoking_history(story, visit, smoking)
        _examine(story, visit, body, full=at == 0 or child or rng.random() < 0.3)
        _manage(story, visit, known, cause, last=at == len(days) - 1)
        if cause is None and not child and rng.random() < 0.45:
            for name in ("metabolic", "lipids" if rng.random() < 0.6 else "blood"):
                panel(story, visit, name)
    for illness in illnesses:
        if illness.ref is None:
            illness.ref = chronic_condition(story, illness.disease, illness.onset, None)
    return first


def _examine(story: Story, visit: Visit, body: Body, *, full: bool) -> None:
    if story.person.age(visit.day) >= 12:
        blood_pressure(story, visit, body)
    if full:
        anthropometry(story, visit, body)


def _manage(story: Story, visit: Visit, known: list[_Illness], cause: _Illness | None, *, last: bool) -> None:
    """Write down what is new, treat it, check its laboratory; renew prescriptions at the last visit."""
    rng = story.rng
    for illness in known:
        disease = illness.disease
        if illness.ref is None:
            illness.ref = chronic_condition(story, disease, illness.onset, visit)
            if disease.drugs:
                prescribe(
                    story,
                    visit,
                    disease.drugs[0],
                    illness.ref,
                    days=rng.randint(120, 700),
                    ongoing=last and len(disease.drugs) == 1,
                )
        elif last and disease.drugs and rng.random() < 0.8:
            drug = disease.drugs[0] if rng.random() < 0.6 else rng.choice(disease.drugs)
            prescribe(story, visit, drug, illness.ref, days=400, ongoing=True)
        if illness is cause or (rng.random() < 0.2):
            for name in disease.panels:
                panel(story, visit, name, illness.ref)


def _episodes(story: Story, body: Body, age: float) -> None:
    """Unplanned visits: infections, pains, accidents."""
    rng, today = story.rng, story.today
    child = age < 15
    weights = [illness.child_weight if child else illness.weight for illness in ACUTE]
    window = min(_WINDOW, today - story.person.birth - 5)
    if window < 1:
        return
    for _ in range(int((1.0 if child else 0.55) * window / 365 + rng.random() * 1.5)):
        day = today - rng.randrange(window)
        _episode(story, body, rng.choices(ACUTE, weights)[0], day, child=child)


def _episode(story: Story, body: Body, illness: Acute, day: int, *, child: bool) -> None:
    rng = story.rng
    urgent = rng.random() < illness.emergency
    facility = story.hospital if urgent else story.home
    specialty = PAEDIATRICS if child and not urgent else GENERAL
    visit = (
        story.visit(day, facility, specialty, illness.code, kind=EMERGENCY)
        if urgent
        else story.visit(day, facility, specialty, illness.code)
    )
    vital_signs(story, visit, body, fever=rng.random() < illness.fever, breathless=illness.breathless)
    condition = acute_condition(story, visit, illness)
    for drug in illness.drugs[: 1 + (rng.random() < 0.5)]:
        if not (child and drug.unit == "tableta" and story.person.age(day) < 8):
            prescribe(story, visit, drug, condition, days=illness.days)
    if rng.random() < illness.xray:
        found = (
            "Infiltrado alveolar basal derecho."
            if illness.fever > 0.8
            else "Campos pulmonares sin infiltrados. Silueta cardíaca normal."
        )
        study(story, visit, CHEST_XRAY, found, condition)
    for name in illness.panels:
        if rng.random() < 0.7:
            panel(story, visit, name, condition)
