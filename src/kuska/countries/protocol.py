"""The shape of a country pack. Pure data and pure functions: no I/O, no clock, no settings.

Invariants: `IdentifierScheme.normalise` gives one text per document however people write it (that text is what is
stored and searched), or None when it cannot be such a document; `normalise(present(x)) == x`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class IdentifierScheme:
    """One kind of identity document."""

    key: str  # 'dni', unique in its country
    label: str  # as people call it: 'DNI'
    system: str  # Identifier.system that we write
    also_known_as: tuple[str, ...]  # systems of the same document seen elsewhere; read, never written
    type_system: str  # coding of Identifier.type
    type_code: str
    normalise: Callable[[str], str | None]
    present: Callable[[str], str]  # the normal form as people of the country write it
    # A scheme without its own check digit takes nearly any text of its length: a guess, not a proof.
    checked: bool = True

    @property
    def systems(self) -> tuple[str, ...]:
        return (self.system, *self.also_known_as)


@dataclass(frozen=True, slots=True)
class Place:
    """A district (Peru) or comuna (Chile)."""

    code: str  # ubigeo (INEI) or CUT
    name: str
    province: str
    region: str
    zone: str  # IANA time zone of the place, which need not be the capital's
    people: int  # thousands, for a realistic sample

    def region_code(self) -> str:
        return self.code[:2]

    def province_code(self, digits: int) -> str:
        return self.code[:digits]


@dataclass(frozen=True, slots=True)
class Payer:
    code: str
    name: str
    kind: str  # public | social | private
    share: float  # part of the population it covers
    plans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamePools:
    """Names in order of frequency. Given names are keyed by the first birth year of their era."""

    female: Mapping[int, tuple[str, ...]]
    male: Mapping[int, tuple[str, ...]]
    surnames: tuple[str, ...]
    # Surnames of indigenous peoples, by people, and the regions (codes) where they are frequent.
    indigenous: Mapping[str, tuple[str, ...]]
    indigenous_regions: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Cohort:
    """A slice of the population by age, with the run of document numbers that people of that age have."""

    share: float  # of the population; all cohorts add up to 1
    age_from: int
    age_to: int  # exclusive
    number_from: int  # documents of the OLDEST of the cohort
    number_to: int


@dataclass(frozen=True, slots=True)
class Phones:
    country_prefix: str  # '+51'
    mobile_digits: int  # national digits, the leading 9 included
    groups: tuple[int, ...]  # how they are written, the prefix aside

    def mobile(self, number: int) -> str:
        """E.164-like text with blanks, from any number."""
        digits = f"9{number % 10 ** (self.mobile_digits - 1):0{self.mobile_digits - 1}d}"
        parts: list[str] = []
        at = 0
        for size in self.groups:
            parts.append(digits[at : at + size])
            at += size
        return f"{self.country_prefix} {' '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long something must be kept, and where that is said."""

    years: int
    source: str  # the norm; 'to be confirmed' where no lawyer has looked yet


@dataclass(frozen=True, slots=True, eq=False)
class CountryPack:
    """One object per country (`registry.pack`), so identity is equality."""

    code: str  # ISO 3166 alpha-2
    name: str
    currency: str
    documents: tuple[IdentifierScheme, ...]  # the citizen's first
    # Identifier.value of a citizen's document from its running number (check digit appended where it is part of it).
    document_value: Callable[[int], str]
    names: NamePools
    places: tuple[Place, ...]
    cohorts: tuple[Cohort, ...]  # oldest first, contiguous
    payers: tuple[Payer, ...]
    phones: Phones
    zone: str  # of the capital
    facility_system: str  # Identifier.system of a health facility's official code
    facility_digits: int
    licence_system: str  # Identifier.system of a physician's licence
    payer_system: str
    audit_retention: Retention  # of the record of who saw and changed what
    # FHIR HumanName parts for two surnames, and Address with the official place codes, as the country's guide has them.
    human_name: Callable[[tuple[str, ...], str, str], dict[str, Any]]
    address: Callable[[Place, str], dict[str, Any]]

    def document(self, key: str) -> IdentifierScheme:
        return next(scheme for scheme in self.documents if scheme.key == key)
