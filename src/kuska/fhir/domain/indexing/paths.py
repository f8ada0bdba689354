"""Expressions of search parameters as paths through JSON: `paths("Observation.value.ofType(Quantity)", ...)`.

Role: the small part of FHIRPath that R4's search parameters are written in, resolved against the definitions: members
(a choice becomes one path per type it may have), `ofType`, `where(name='value')`, `where(resolve() is Type)`, `[0]`,
`%resource` and unions. Invariant: what is not understood raises at compile time, it is never passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from kuska.fhir.domain.definitions.model import Element, Structure


@dataclass(frozen=True, slots=True)
class Member:
    """A JSON property."""

    name: str
    is_list: bool


@dataclass(frozen=True, slots=True)
class Where:
    """Go on only where this property has this value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Resolves:
    """Go on only where the reference points to this type of resource."""

    type: str


@dataclass(frozen=True, slots=True)
class First:
    """Of the list that the member before it is, the first item."""


Step = Member | Where | Resolves | First


@dataclass(frozen=True, slots=True)
class Path:
    steps: tuple[Step, ...]
    type: str  # key of Definitions.structures: what is at its end
    element: Element | None = None  # None for the resource itself
    from_resource: bool = False  # begins at %resource wherever it is used


class UnknownExpressionError(ValueError):
    """An expression that this does not understand."""


_STEP = re.compile(
    r"(?:\.|^)(?:ofType\((?P<of>[A-Za-z]+)\)|where\(resolve\(\) is (?P<target>[A-Za-z]+)\)"
    r"|where\((?P<name>[a-z]+)='(?P<value>[^']*)'\)|(?P<member>%?[A-Za-z]+))|\[(?P<index>0)\]"
)


def paths(expression: str, start: str, structures: Mapping[str, Structure], resource: str | None = None) -> list[Path]:
    """All paths of an expression that begins at an element of type `start` (or at `resource`, or at %resource)."""
    found: list[Path] = []
    for part in expression.split(" | "):
        found += _of_part(part.strip(), start, structures, resource or start)
    return found


def _of_part(text: str, start: str, structures: Mapping[str, Structure], resource: str) -> list[Path]:
    open_: list[Path] = [Path((), start)]
    place = 0
    for match in _steps(text):
        member, of, target = match["member"], match["of"], match["target"]
        if place == 0 and member in (start, resource, "%resource"):
            open_ = [Path((), resource if member != start else start, from_resource=member == "%resource")]
        elif member is not None:
            open_ = [after for path in open_ for after in _into(path, member, structures)]
        elif of is not None:
            open_ = [path for path in open_ if path.type == of]
        elif target is not None:
            open_ = [replace(path, steps=(*path.steps, Resolves(target))) for path in open_]
        elif match["index"] is not None:
            open_ = [replace(path, steps=(*path.steps, First())) for path in open_]
        else:
            open_ = [replace(path, steps=(*path.steps, Where(match["name"], match["value"]))) for path in open_]
        place = match.end()
        if not open_:
            raise UnknownExpressionError(text)
    return open_


def _steps(text: str) -> Iterator[re.Match[str]]:
    place = 0
    while place < len(text):
        match = _STEP.match(text, place)
        if match is None:
            raise UnknownExpressionError(text)
        yield match
        place = match.end()


def _into(path: Path, name: str, structures: Mapping[str, Structure]) -> list[Path]:
    elements = structures[path.type].elements
    plain = elements.get(name)
    found = [plain] if plain is not None else [element for element in elements.values() if element.choice == name]
    return [
        Path(
            (*path.steps, Member(element.name, element.is_list)),
            element.type,
            element,
            from_resource=path.from_resource,
        )
        for element in found
    ]
