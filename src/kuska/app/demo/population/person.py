"""Who somebody is: sex, birth, names, document, home, payer; and their Patient and Coverage."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from random import Random
from typing import Any
from unicodedata import normalize

from kuska.app.demo.population.calendar import day_text
from kuska.app.demo.population.codes import hl7
from kuska.countries.protocol import CountryPack, Payer, Place

# Document numbers are handed out over this many people; more would repeat them.
CAPACITY = 16_000_000
# Coprime to CAPACITY and near its golden section: people in a row are spread over all ages, so any sample is balanced.
_STRIDE = 9_888_547
_YEAR = 365.2425
_SYNTHETIC = {"tag": [hl7("v3-ActReason", "HTEST", "Persona sintética")["coding"][0]]}
_STREETS = (
    "Jr. Los Álamos",
    "Av. Grau",
    "Calle Las Flores",
    "Pasaje San Martín",
    "Av. Libertad",
    "Calle Bolívar",
    "Jr. Ayacucho",
    "Av. Los Pinos",
    "Calle O'Higgins",
    "Av. Arturo Prat",
    "Pasaje El Sol",
    "Calle Ñuble",
)
_LANGUAGES = {
    "quechua": ("qu", "Quechua"),
    "aymara": ("ay", "Aimara"),
    "mapuche": ("arn", "Mapudungun"),
}


@dataclass(frozen=True, slots=True)
class Person:
    number: int
    country: CountryPack
    female: bool
    birth: int  # day ordinal
    name: dict[str, Any]  # FHIR HumanName
    document: str
    place: Place
    street: str
    payer: Payer | None
    plan: str | None
    language: tuple[str, str] | None
    mobile: str
    married: bool
    death: int | None  # day ordinal

    def age(self, day: int) -> float:
        return (day - self.birth) / _YEAR


@cache
def _weights(country: CountryPack) -> list[int]:
    return list(accumulate(place.people for place in country.places))


def _frequent(rng: Random, pool: tuple[str, ...]) -> str:
    """First names of the pool more often than last ones."""
    return pool[int(len(pool) * rng.random() ** 1.7)]


def draw_name(rng: Random, country: CountryPack, *, female: bool, birth_year: int, region: str) -> dict[str, Any]:
    pools = country.names
    eras = pools.female if female else pools.male
    era = max((start for start in eras if start <= birth_year), default=min(eras))
    pool = eras[era]
    first = _frequent(rng, pool)
    given = (first,)
    if rng.random() < 0.72:
        second = _frequent(rng, pool)
        given = (first, second) if second != first else given
    family = [_surname(rng, country, region) for _ in range(2)]
    return country.human_name(given, family[0], family[1])


def _surname(rng: Random, country: CountryPack, region: str) -> str:
    pools = country.names
    for people, regions in pools.indigenous_regions.items():
        if region in regions and rng.random() < (0.42 if country.code == "PE" else 0.13):
            return _frequent(rng, pools.indigenous[people])
    return _frequent(rng, pools.surnames)


def draw_person(rng: Random, country: CountryPack, number: int, seed: int, today: int) -> Person:
    position = (number * _STRIDE + seed * 7919) % CAPACITY / CAPACITY
    floor = 0.0
    cohort = country.cohorts[-1]
    for cohort in country.cohorts:
        if position < floor + cohort.share:
            break
        floor += cohort.share
    part = min((position - floor) / cohort.share, 0.999_999_9)
    age = cohort.age_to - part * (cohort.age_to - cohort.age_from)
    document_number = cohort.number_from + int(part * (cohort.number_to - cohort.number_from))
    # Women live longer.
    female = rng.random() < (0.505 if age < 60 else 0.53 if age < 80 else 0.61)
    birth = min(today - 1, today - int(age * _YEAR))
    weights = _weights(country)
    place = country.places[bisect(weights, rng.random() * weights[-1])]
    region = place.code[:2]
    name = draw_name(rng, country, female=female, birth_year=int(birth / _YEAR) + 1, region=region)
    payer = _draw_payer(rng, country)
    return Person(
        number=number,
        country=country,
        female=female,
        birth=birth,
        name=name,
        document=country.document_value(document_number),
        place=place,
        street=f"{rng.choice(_STREETS)} {rng.randint(101, 2999)}",
        payer=payer,
        plan=rng.choice(payer.plans) if payer and payer.plans else None,
        language=_draw_language(rng, country, region),
        # 900 to 904: little used runs; these numbers are for showing, not for calling.
        mobile=country.phones.mobile(rng.randrange(5_000_000)),
        married=age > 22 and rng.random() < 0.55,
        death=_draw_death(rng, age, birth, today),
    )


def _draw_death(rng: Random, age: float, birth: int, today: int) -> int | None:
    """Somebody who died within the last two years: the record keeps them."""
    if rng.random() >= (0.002 if age < 50 else 0.012 if age < 70 else 0.05):
        return None
    return max(birth + 1, today - rng.randint(1, 730))


def _draw_payer(rng: Random, country: CountryPack) -> Payer | None:
    point = rng.random()
    for payer in country.payers:
        if point < payer.share:
            return payer
        point -= payer.share
    return None


def _draw_language(rng: Random, country: CountryPack, region: str) -> tuple[str, str] | None:
    share = 0.22 if country.code == "PE" else 0.04
    for people, regions in country.names.indigenous_regions.items():
        if region in regions and people in _LANGUAGES and rng.random() < share:
            return _LANGUAGES[people]
    return None


def _mail(person: Person) -> str:
    plain = normalize("NFD", f"{person.name['given'][0]}.{person.name['family'].split()[0]}").encode("ascii", "ignore")
    return f"{plain.decode().lower()}.{person.number}@correo.example"


def patient_node(rng: Random, person: Person, general: dict[str, Any], organization: dict[str, Any]) -> dict[str, Any]:
    """The Patient without resourceType and id."""
    country = person.country
    scheme = country.documents[0]
    telecom: list[dict[str, Any]] = [{"system": "phone", "value": person.mobile, "use": "mobile", "rank": 1}]
    if rng.random() < 0.55:
        telecom.append({"system": "email", "value": _mail(person), "use": "home"})
    spanish = {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "es", "display": "Español"}]}}
    languages: list[dict[str, Any]] = [{**spanish, "preferred": person.language is None}]
    if person.language is not None:
        code, display = person.language
        other = {"coding": [{"system": "urn:ietf:bcp:47", "code": code, "display": display}]}
        languages.append({"language": other, "preferred": True})
    type_ = {"coding": [{"system": scheme.type_system, "code": scheme.type_code, "display": scheme.label}]}
    document = {"use": "official", "type": type_, "system": scheme.system, "value": person.document}
    marital = hl7("v3-MaritalStatus", "M", "Casado") if person.married else hl7("v3-MaritalStatus", "S", "Soltero")
    node: dict[str, Any] = {
        "meta": _SYNTHETIC,
        "identifier": [document],
        "active": True,
        "name": [person.name],
        "telecom": telecom,
        "gender": "female" if person.female else "male",
        "birthDate": day_text(person.birth),
        "address": [country.address(person.place, person.street)],
        "maritalStatus": marital,
        "contact": [_relative(rng, person)],
        "communication": languages,
        "generalPractitioner": [general],
        "managingOrganization": organization,
    }
    if person.death is not None:
        node["deceasedDateTime"] = day_text(person.death)
    return node


def _relative(rng: Random, person: Person) -> dict[str, Any]:
    female = rng.random() < 0.6
    name = draw_name(rng, person.country, female=female, birth_year=1975, region=person.place.code[:2])
    del name["use"]
    kind = rng.choice((("MTH" if female else "FTH", "Madre" if female else "Padre"), ("SIB", "Hermano o hermana")))
    return {
        "relationship": [hl7("v3-RoleCode", *kind)],
        "name": name,
        "telecom": [
            {"system": "phone", "value": person.country.phones.mobile(rng.randrange(5_000_000)), "use": "mobile"}
        ],
        "gender": "female" if female else "male",
    }


def coverage_node(person: Person, patient: dict[str, Any], payer: dict[str, Any], start: int) -> dict[str, Any]:
    node: dict[str, Any] = {
        "status": "active",
        "type": {"text": person.payer.name if person.payer else ""},
        "subscriberId": person.document,
        "beneficiary": patient,
        "relationship": hl7("subscriber-relationship", "self", "Titular"),
        "period": {"start": day_text(start)},
        "payor": [payer],
    }
    if person.plan is not None:
        plan = hl7("coverage-class", "plan", "Plan")
        node["class"] = [{"type": plan, "value": person.plan.lower().replace(" ", "-"), "name": person.plan}]
    return node
