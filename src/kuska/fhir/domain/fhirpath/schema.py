"""What FHIRPath needs of the definitions, looked up once: children of a type by name, inheritance, type names.

Words: a *step* is one JSON property that a FHIRPath name leads to (`value` on Observation has eleven). Types are
written 'Patient', 'Patient.contact', 'code' for FHIR and 'System.String' for those of FHIRPath itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.definitions.model import Element, Structure

SYSTEM_TYPES = frozenset(
    {"Boolean", "String", "Integer", "Long", "Decimal", "Date", "DateTime", "Time", "Quantity", "Any"}
)


@dataclass(frozen=True, slots=True)
class Step:
    key: str
    type: str
    is_list: bool
    primitive: bool
    sibling: str  # '_' + key, where the extensions of a primitive are
    abstract: bool  # the concrete type is in the data (resourceType)


def structure(type_: str) -> Structure | None:
    return definitions().structures.get(type_)


@cache
def steps(type_: str) -> Mapping[str, tuple[Step, ...]]:
    """FHIRPath name -> JSON properties, in the order of the definition."""
    found = structure(type_)
    if found is None:
        return {}
    named: dict[str, tuple[Step, ...]] = {}
    for element in found.elements.values():
        name = element.choice or element.name
        named[name] = (*named.get(name, ()), _step(element))
    return named


@cache
def by_key(type_: str) -> Mapping[str, tuple[str, Step]]:
    """JSON property -> FHIRPath name and step."""
    return {step.key: (name, step) for name, found in steps(type_).items() for step in found}


def _step(element: Element) -> Step:
    target = structure(element.type)
    kind = target.kind if target else "complex"
    return Step(
        key=element.name,
        type=element.type,
        is_list=element.is_list,
        primitive=kind == "primitive",
        sibling="_" + element.name,
        abstract=bool(target and target.abstract and kind == "resource"),
    )


@cache
def ancestors(type_: str) -> tuple[str, ...]:
    """The type and what it specialises, nearest first."""
    found = structure(type_)
    if found is None:
        return (type_,)
    return (type_, *(ancestors(found.base) if found.base else ()))


def is_primitive(type_: str) -> bool:
    found = structure(type_)
    return found is not None and found.kind == "primitive"


def is_resource(type_: str) -> bool:
    found = structure(type_)
    return found is not None and found.kind == "resource"


def is_type(type_: str) -> bool:
    return type_ in definitions().structures


@cache
def named_type(name: str) -> str | None:
    """The type that a type specifier means: FHIR first, then System; None for a type that is unknown."""
    if name.startswith("System."):
        # Naming what System does not have is no mistake: nothing is of that type.
        return name
    bare = name.removeprefix("FHIR.")
    if is_type(bare):
        return bare
    return f"System.{name}" if name in SYSTEM_TYPES else None
