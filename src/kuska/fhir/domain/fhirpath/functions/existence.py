"""empty, exists, all, …: https://hl7.org/fhirpath/N1/#existence"""

from __future__ import annotations

from kuska.fhir.domain.fhirpath.comparison import distinct, set_of
from kuska.fhir.domain.fhirpath.errors import EvaluationError
from kuska.fhir.domain.fhirpath.functions.registry import Function, each, expressions, values
from kuska.fhir.domain.fhirpath.scope import Run, Scope
from kuska.fhir.domain.fhirpath.single import boolean
from kuska.fhir.domain.fhirpath.values import Collection, system, type_of


def _empty(_scope: Scope, items: Collection) -> Collection:
    return [not items]


def _exists(scope: Scope, items: Collection, criteria: Run | None = None) -> Collection:
    if criteria is None:
        return [bool(items)]
    return [any(boolean(found, "exists") for found in each(scope, items, criteria))]


def _all(scope: Scope, items: Collection, criteria: Run) -> Collection:
    return [all(boolean(found, "all") for found in each(scope, items, criteria))]


def _booleans(items: Collection, what: str) -> list[bool | None]:
    found = [system(item) for item in items]
    for item, value in zip(items, found, strict=True):
        if value is not None and not isinstance(value, bool):
            raise EvaluationError("wrong-type", what=what, wanted="Boolean", found=type_of(item).name)
    return [value if isinstance(value, bool) else None for value in found]


def _all_true(_scope: Scope, items: Collection) -> Collection:
    return [all(value is True for value in _booleans(items, "allTrue"))]


def _any_true(_scope: Scope, items: Collection) -> Collection:
    return [any(value is True for value in _booleans(items, "anyTrue"))]


def _all_false(_scope: Scope, items: Collection) -> Collection:
    return [all(value is False for value in _booleans(items, "allFalse"))]


def _any_false(_scope: Scope, items: Collection) -> Collection:
    return [any(value is False for value in _booleans(items, "anyFalse"))]


def _subset_of(scope: Scope, items: Collection, other: Collection) -> Collection:
    within = set_of(other, scope.evaluation)
    return [all(within.has(item) for item in items)]


def _superset_of(scope: Scope, items: Collection, other: Collection) -> Collection:
    return _subset_of(scope, other, items)


def _count(_scope: Scope, items: Collection) -> Collection:
    return [len(items)]


def _distinct(scope: Scope, items: Collection) -> Collection:
    return distinct(items, scope.evaluation)


def _is_distinct(scope: Scope, items: Collection) -> Collection:
    return [len(distinct(items, scope.evaluation)) == len(items)]


def _not(_scope: Scope, items: Collection) -> Collection:
    found = boolean(items, "not")
    return [] if found is None else [not found]


FUNCTIONS: dict[str, Function] = {
    "empty": values(_empty),
    "exists": expressions(_exists, 0, 1),
    "all": expressions(_all, 1),
    "allTrue": values(_all_true),
    "anyTrue": values(_any_true),
    "allFalse": values(_all_false),
    "anyFalse": values(_any_false),
    "subsetOf": values(_subset_of, 1),
    "supersetOf": values(_superset_of, 1),
    "count": values(_count),
    "distinct": values(_distinct),
    "isDistinct": values(_is_distinct),
    "not": values(_not),
}
