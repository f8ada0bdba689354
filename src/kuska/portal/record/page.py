"""The summary of one patient, as data. `keys.py` says how its fields are called outside (Spanish).

Invariants: nothing is guessed. What the record does not say is None or an empty list, and "no allergies known" is not
the same as "nobody wrote anything about allergies".
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class AllergyState(StrEnum):
    RECORDED = "registradas"
    NONE_KNOWN = "ninguna-conocida"
    NOT_RECORDED = "no-registradas"


class Trend(StrEnum):
    UP = "sube"
    DOWN = "baja"
    STEADY = "estable"


class LungStep(StrEnum):
    """Where on the lung-cancer journey the record shows the patient, furthest step last."""

    SCREENING = "tamizaje"
    WORK_UP = "estudio-de-nodulo"
    BIOPSY = "biopsia"
    DIAGNOSIS = "diagnostico"
    STAGING = "estadificacion"
    TREATMENT = "tratamiento"


@dataclass(frozen=True, slots=True)
class Document:
    kind: str
    number: str  # as people write it
    system: str


@dataclass(frozen=True, slots=True)
class Age:
    years: int
    months: int
    days: int


@dataclass(frozen=True, slots=True)
class Contact:
    kind: str  # telefono | correo | otro
    value: str
    use: str | None


@dataclass(frozen=True, slots=True)
class Identification:
    id: str
    name: str
    given: tuple[str, ...]
    family: str | None
    documents: tuple[Document, ...]
    birth_date: str | None
    age: Age | None  # at death, if there is a date of death
    sex: str | None
    deceased: bool | None
    contacts: tuple[Contact, ...]
    address: str | None
    language: str | None
    practitioner: str | None
    organization: str | None
    payers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Allergy:
    substance: str
    code: str | None
    category: tuple[str, ...]
    criticality: str | None
    reactions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Allergies:
    state: AllergyState
    items: tuple[Allergy, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    name: str
    code: str | None
    since: str | None
    recorded: str | None


@dataclass(frozen=True, slots=True)
class Medication:
    name: str
    code: str | None
    instructions: str | None
    since: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of a result; `value` is a number with its digits, or text."""

    value: Decimal | int | str
    unit: str | None
    date: str
    interpretation: str | None


@dataclass(frozen=True, slots=True)
class Range:
    low: Decimal | int | None
    high: Decimal | int | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    code: str | None
    group: str
    last: Reading
    previous: Reading | None
    trend: Trend | None  # None: nothing to compare with, or not comparable
    reference: Range | None
    series: tuple[Reading, ...]  # oldest first, the last few
    count: int  # how many there are in all


@dataclass(frozen=True, slots=True)
class Visit:
    id: str
    start: str | None
    kind: str | None
    reason: str | None
    practitioner: str | None
    organization: str | None


@dataclass(frozen=True, slots=True)
class Study:
    id: str
    date: str | None
    description: str | None
    modalities: tuple[str, ...]
    series: int | None
    images: int | None


@dataclass(frozen=True, slots=True)
class Report:
    id: str
    date: str | None
    name: str
    category: str | None
    conclusion: str | None


@dataclass(frozen=True, slots=True)
class Lung:
    step: LungStep
    lung_rads: str | None
    lung_rads_date: str | None
    next_control: str | None  # by the Lung-RADS interval; None when it asks for work-up, or the journey went on
    overdue: bool | None
    nodule_mm: Decimal | int | None
    stage: str | None
    stage_method: str | None
    tnm: tuple[str, ...]
    ecog: int | None
    markers: tuple[str, ...]
    treatments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    identification: Identification
    allergies: Allergies
    problems: tuple[Problem, ...]
    medication: tuple[Medication, ...]
    results: tuple[Result, ...]
    visits: tuple[Visit, ...]
    studies: tuple[Study, ...]
    reports: tuple[Report, ...]
    lung: Lung | None
    complete: bool  # False: the patient has more than was read; the newest may be missing
    read_at: str
