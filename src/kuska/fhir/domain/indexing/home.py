"""Which patient a resource belongs to: the rule of docs/adr/0002-shard-key.md, compiled per type.

Candidates are the parameters of the Patient compartment whose path holds at most one reference. One that has to be
there and can only be a Patient comes first; otherwise their order in the compartment definition counts. The first
that refers to a patient of this record decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kuska.fhir.domain.definitions.model import Definitions, SearchParameter
from kuska.fhir.domain.indexing.paths import Member, Path, Resolves, paths
from kuska.fhir.domain.indexing.targets import Targets

_Node = dict[str, Any]
Home = Callable[[_Node], str | None]


@dataclass(frozen=True, slots=True)
class HomeRule:
    patient: Home
    parameters: frozenset[str]  # resources found by one of these are in the bucket of the patient asked for
    places: tuple[tuple[str, ...], ...] = ()  # elements that are looked at, the first that names a patient decides


_NONE = HomeRule(lambda _: None, frozenset())


def home_rule(type_: str, definitions: Definitions, targets: Targets) -> HomeRule:
    if type_ == "Patient":
        return _NONE
    known = definitions.search[type_]
    found: list[Path] = []
    for code in definitions.compartments["Patient"].get(type_, ()):
        path = _single(known[code], definitions)
        if path is not None and not any(_names(path) == _names(other) for other in found):
            found.append(path)
    if not found:
        return _NONE
    found.sort(key=lambda path: not _certain(path))
    same = frozenset(
        code
        for code, parameter in known.items()
        if parameter.type == "reference"
        and "Patient" in parameter.targets
        and (path := _single(parameter, definitions)) is not None
        and _names(path) == _names(found[0])
    )
    places = tuple(_names(path) for path in found)
    return HomeRule(_reader(places, targets), same, places)


def _single(parameter: SearchParameter, definitions: Definitions) -> Path | None:
    """The one path of a parameter that can hold one Reference to a Patient at most."""
    found = paths(parameter.expression, parameter.base, definitions.structures)
    if len(found) != 1:
        return None
    path = found[0]
    fits = all((isinstance(step, Member) and not step.is_list) or isinstance(step, Resolves) for step in path.steps)
    element = path.element
    reaches = element is not None and (not element.targets or "Patient" in element.targets)
    return path if fits and path.type == "Reference" and reaches else None


def _names(path: Path) -> tuple[str, ...]:
    return tuple(step.name for step in path.steps if isinstance(step, Member))


def _certain(path: Path) -> bool:
    element = path.element
    return element is not None and element.min == 1 and element.targets == ("Patient",) and len(_names(path)) == 1


def _reader(places: Sequence[tuple[str, ...]], targets: Targets) -> Home:
    local = targets.local

    def read(node: _Node) -> str | None:
        for names in places:
            value: Any = node
            for name in names:
                value = value.get(name)
                if value is None:
                    break
            else:
                found = local(value.get("reference") or "")
                if found is not None and found[0] == "Patient":
                    return f"Patient/{found[1]}"
        return None

    return read


Rules = Mapping[str, HomeRule]
