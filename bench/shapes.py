"""The thirty query shapes of `bench.search`: what is asked, with values taken at run time from people who are really there.

A shape makes a query from a sample; `expected` says how many matches the whole answer has, where one person's life tells, or
`SOME` where the question is about everybody.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bench.population import person
from kuska.app.demo.population.people import Life
from kuska.kit.json import Node

SOME = -1  # at least one
ANY = -2  # none is right too: depends on the sample
PAGE = 20
_LOINC, _ICD = "http://loinc.org", "http://hl7.org/fhir/sid/icd-10"
_COMMON_LABS = ("8867-4", "1558-6", "2093-3", "2085-9", "2160-0", "718-7")
_CHRONIC = ("I10", "E66.9", "E78.5", "E11.9", "F32.9", "D50.9")


@dataclass(frozen=True, slots=True)
class Sample:
    """One person of the loaded population and the id the server gave them."""

    life: Life
    id: str
    chance: random.Random

    @property
    def patient(self) -> Node:
        return self.life.nodes[0][1]

    @property
    def document(self) -> str:
        own = self.patient["identifier"][0]
        return quote(f"{own['system']}|{own['value']}", safe="")

    @property
    def family(self) -> str:
        return quote(str(self.patient["name"][0]["family"]).split()[0])

    @property
    def given(self) -> str:
        return quote(str(self.patient["name"][0]["given"][0]))

    def of(self, type_: str) -> list[Node]:
        return [node for _, node in self.life.nodes if node["resourceType"] == type_]

    def pick(self, values: Iterable[str]) -> str:
        return self.chance.choice(sorted(values))

    def observed(self) -> str:
        """A code that this person has been measured by."""
        return self.pick({_code(node) for node in self.of("Observation")})

    def since(self) -> str:
        return f"202{self.chance.randint(3, 6)}-0{self.chance.randint(1, 9)}-01"


def _code(node: Node) -> str:
    return str(node["code"]["coding"][0]["code"])


@dataclass(frozen=True, slots=True)
class Shape:
    name: str
    family: str
    query: Callable[[Sample], tuple[str, int]]  # path below /fhir, and how many match


SHAPES: list[Shape] = []


def _fixed(family: str, name: str, query: Callable[[Sample], str], expected: int = SOME) -> None:
    SHAPES.append(Shape(name, family, lambda sample: (query(sample), expected)))


def _counted(family: str, name: str, query: Callable[[Sample], tuple[str, int]]) -> None:
    SHAPES.append(Shape(name, family, query))


def _count(nodes: Iterable[Any], test: Callable[[Any], bool]) -> int:
    return sum(1 for node in nodes if test(node))


# --- one parameter -----------------------------------------------------------------------------------------------------
_fixed("single", "patient by identifier", lambda s: f"Patient?identifier={s.document}", 1)
_fixed("single", "patient by family name", lambda s: f"Patient?family={s.family}")
_fixed("single", "patient by given name, part of it", lambda s: f"Patient?name:contains={s.given}")
_fixed("single", "patient by birth date", lambda s: f"Patient?birthdate={s.patient['birthDate']}")
_fixed("single", "patient by year of birth", lambda s: f"Patient?birthdate={s.patient['birthDate'][:4]}")
_fixed("single", "patient by gender (half of all)", lambda s: f"Patient?gender={s.patient['gender']}")
_fixed("single", "observation by code", lambda s: f"Observation?code={_LOINC}|{s.pick(_COMMON_LABS)}")
_counted("single", "observation by patient", lambda s: (f"Observation?patient={s.id}", len(s.of("Observation"))))
_fixed("single", "observation since a date", lambda s: f"Observation?date=ge{s.since()}")
_fixed(
    "single",
    "observation by value with unit",
    lambda s: f"Observation?value-quantity=gt{s.chance.randint(100, 130)}|http://unitsofmeasure.org|mg/dL",
)
_fixed(
    "single",
    "condition by rare code",
    lambda s: f"Condition?code={_ICD}|{s.pick(('C34.1', 'C34.2', 'C34.3', 'R91'))}",
    ANY,
)
_fixed("single", "encounter by class and status of nearly all", lambda _: "Encounter?class=AMB&status=finished")


# --- several parameters -------------------------------------------------------------------------------------------------
def _patient_and_code(s: Sample) -> tuple[str, int]:
    code = s.observed()
    found = _count(s.of("Observation"), lambda node: _code(node) == code)
    return f"Observation?patient={s.id}&code={code}", found


def _laboratory_since(s: Sample) -> tuple[str, int]:
    since = s.since()
    found = _count(
        s.of("Observation"),
        lambda node: (
            node["category"][0]["coding"][0]["code"] == "laboratory" and str(node["effectiveDateTime"])[:10] >= since
        ),
    )
    return f"Observation?patient={s.id}&category=laboratory&date=ge{since}", found


def _active_medication(s: Sample) -> tuple[str, int]:
    found = _count(s.of("MedicationRequest"), lambda node: node["status"] == "active")
    return f"MedicationRequest?patient={s.id}&status=active", found


_counted("multi", "observation by patient and code", _patient_and_code)
_counted("multi", "laboratory of a patient since a date", _laboratory_since)
_counted("multi", "active medication of a patient", _active_medication)
_fixed(
    "multi",
    "patient by names, gender and age",
    lambda s: (
        f"Patient?family={s.family}&given={s.given}&gender={s.patient['gender']}&birthdate=le{s.patient['birthDate']}"
    ),
)
_fixed(
    "multi",
    "observation by codes since a date",
    lambda s: f"Observation?code={','.join(s.chance.sample(_COMMON_LABS, 3))}&date=ge{s.since()}",
)
_fixed(
    "multi", "active chronic condition by code", lambda s: f"Condition?code={s.pick(_CHRONIC)}&clinical-status=active"
)

# --- chains and reverse chains --------------------------------------------------------------------------------------------
_counted(
    "chain",
    "observation by the patient's identifier",
    lambda s: (f"Observation?patient.identifier={s.document}", len(s.of("Observation"))),
)
_fixed(
    "chain",
    "observation by code and the patient's family name",
    lambda s: f"Observation?code={s.pick(_COMMON_LABS)}&subject:Patient.family={s.family}",
    ANY,
)
_fixed(
    "chain",
    "encounter by the facility's name",
    lambda s: f"Encounter?service-provider.name={quote(str(s.of('Encounter')[0]['serviceProvider']['display']))}",
)
_fixed("has", "patient with a condition", lambda s: f"Patient?_has:Condition:patient:code={s.pick(_CHRONIC)}")
_fixed(
    "has",
    "patient with a high value",
    lambda s: f"Patient?_has:Observation:patient:code-value-quantity={_LOINC}|4548-4$gt{s.chance.choice((6, 7, 8))}",
    ANY,
)

# --- composites -----------------------------------------------------------------------------------------------------------
_fixed(
    "composite",
    "code with value",
    lambda s: f"Observation?code-value-quantity={_LOINC}|8867-4$gt{s.chance.randint(80, 95)}",
)
_fixed(
    "composite",
    "component's code with value",
    lambda s: f"Observation?component-code-value-quantity={_LOINC}|8480-6$gt{s.chance.randint(125, 150)}",
)


# --- includes, sorting, compartments ----------------------------------------------------------------------------------------
_counted(
    "include",
    "encounters with clinician and facility",
    lambda s: (
        f"Encounter?patient={s.id}&_include=Encounter:participant&_include=Encounter:service-provider",
        len(s.of("Encounter")),
    ),
)
_fixed(
    "include",
    "patient with conditions and medication",
    lambda s: f"Patient?identifier={s.document}&_revinclude=Condition:patient&_revinclude=MedicationRequest:patient",
    1,
)
_counted(
    "sort",
    "observations of a patient, newest first",
    lambda s: (f"Observation?patient={s.id}&_sort=-date", len(s.of("Observation"))),
)
_fixed("sort", "patients by name", lambda s: f"Patient?gender={s.patient['gender']}&_sort=family")
_counted("compartment", "a patient's conditions", lambda s: (f"Patient/{s.id}/Condition", len(s.of("Condition"))))


def sample(numbers: Iterable[int], identify: Callable[[Life], str], seed: int = 5) -> list[Sample]:
    chance = random.Random(seed)
    lives = [person(number) for number in numbers]
    return [Sample(life, identify(life), chance) for life in lives]
