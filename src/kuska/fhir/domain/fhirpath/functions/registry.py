"""How a function is described: how many arguments, and whether it takes their values or the expressions themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from kuska.fhir.domain.fhirpath.scope import Run, Scope
from kuska.fhir.domain.fhirpath.values import Collection


class Takes(Enum):
    VALUES = auto()  # evaluated once, where the function is called
    EXPRESSIONS = auto()  # evaluated by the function, usually once per item


@dataclass(frozen=True, slots=True)
class Function:
    run: Callable[..., Collection]  # (scope, items, *values) or (scope, items, *expressions)
    least: int
    most: int
    takes: Takes = Takes.VALUES


def values(run: Callable[..., Collection], least: int = 0, most: int | None = None) -> Function:
    return Function(run, least, least if most is None else most)


def expressions(run: Callable[..., Collection], least: int, most: int | None = None) -> Function:
    return Function(run, least, least if most is None else most, Takes.EXPRESSIONS)


def each(scope: Scope, items: Collection, run: Run) -> list[Collection]:
    """The expression for every item, with $this and $index."""
    spend = scope.evaluation.spend
    found: list[Collection] = []
    for place, item in enumerate(items):
        spend(1)
        found.append(run(scope.about([item], place)))
    return found
