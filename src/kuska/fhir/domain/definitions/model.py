"""What the R4 definitions look like in memory.

Choice elements are expanded (`valueQuantity`, `valueString`, ... are one Element each, all with `choice="value"`), and
every backbone element is a Structure of its own named by its path (`Observation.component`). A `contentReference` is
resolved to the structure it points to, so `type` always names a key of `Definitions.structures`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Constraint:
    key: str  # 'obs-6'
    severity: str  # error | warning
    human: str
    expression: str  # FHIRPath
    best_practice: bool = False  # advice (dom-6); validation does not repeat it on every resource


@dataclass(frozen=True, slots=True)
class Binding:
    strength: str  # required | extensible | preferred | example
    value_set: str  # canonical without version
    maximum: str | None = None  # value set that no code may leave, where an extensible binding has one


@dataclass(frozen=True, slots=True)
class Element:
    name: str  # JSON property: 'status', 'valueQuantity'
    path: str  # as defined: 'Observation.value[x]'
    type: str  # key of Definitions.structures: 'code', 'Quantity', 'Observation.component', 'Resource'
    min: int  # of the choice as a whole where `choice` is set
    max: int  # -1 = unbounded
    is_list: bool  # JSON array? (from the base cardinality, so profiles do not change it)
    choice: str | None = None  # 'value' when a member of value[x]
    targets: tuple[str, ...] = ()  # resource types a Reference/canonical may point to; () = any
    binding: Binding | None = None
    constraints: tuple[Constraint, ...] = ()  # those stated on this element; the type's own are on its Structure
    is_summary: bool = False
    is_modifier: bool = False


@dataclass(frozen=True, slots=True)
class Structure:
    name: str  # 'Patient', 'HumanName', 'string', 'Observation.component'
    kind: str  # resource | complex | primitive | backbone
    base: str | None  # 'DomainResource', 'Quantity' for Age, 'BackboneElement', 'Element', ...
    abstract: bool
    url: str
    elements: Mapping[str, Element]  # by JSON property, inherited ones included, in the order of the definition
    constraints: tuple[Constraint, ...] = ()  # on the root, inherited ones included (dom-2, ele-1, ext-1, ...)
    regex: str | None = None  # primitives, as published (some are slow or wrong: validation has its own)


@dataclass(frozen=True, slots=True)
class Component:
    code: str  # code of the component's SearchParameter
    type: str  # token | quantity | date | string | number | reference | uri
    expression: str


@dataclass(frozen=True, slots=True)
class SearchParameter:
    code: str
    type: str  # token | string | date | number | quantity | reference | uri | composite | special
    base: str  # ONE resource type; a definition with many bases becomes one of these each
    url: str
    key: int  # signed 32-bit, stable: first four bytes of blake2b('Type.code'); unique, checked by the build step
    expression: str  # only the part for `base` ('' for special ones without)
    targets: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    # May one resource have more than one index row? From the cardinalities on the path; a CodeableConcept, a name or an
    # address is many rows even when it occurs once.
    multiple: bool = True
    # Parameters whose rows answer this one: itself, or those it repeats ('patient' -> subject, 'combo-code' -> code and
    # component-code). Only parameters that list themselves here are indexed.
    answered_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueSet:
    url: str
    codes: frozenset[str] | None  # None = not enumerable here (SNOMED CT, UCUM, MIME types, languages, ...)
    by_system: Mapping[str, frozenset[str]] | None


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension that HL7 defines."""

    url: str
    contexts: tuple[str, ...]  # where it may be: 'Patient.birthDate', 'HumanName', 'Element', ...
    types: tuple[str, ...]  # of its value; () when it is made of extensions


@dataclass(frozen=True, slots=True)
class Definitions:
    structures: Mapping[str, Structure]
    resource_types: tuple[str, ...]  # concrete, sorted by name
    type_numbers: Mapping[str, int]  # smallint stored in the database; never renumbered
    search: Mapping[
        str, Mapping[str, SearchParameter]
    ]  # type -> code -> parameter; Resource/DomainResource ones copied in
    compartments: Mapping[str, Mapping[str, tuple[str, ...]]]  # 'Patient' -> type -> parameter codes
    value_sets: Mapping[str, ValueSet]
    extensions: Mapping[str, Extension] = field(default_factory=dict[str, Extension])
    type_names: Mapping[int, str] = field(default_factory=dict[int, str])  # the other way round
