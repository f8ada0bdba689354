"""The operators, as functions of two collections. https://hl7.org/fhirpath/N1/#operations"""

from __future__ import annotations

from collections.abc import Callable

from kuska.fhir.domain.fhirpath.arithmetic import calculate
from kuska.fhir.domain.fhirpath.comparison import compare, equal_collections, equivalent_collections, set_of
from kuska.fhir.domain.fhirpath.functions.collections import union
from kuska.fhir.domain.fhirpath.functions.conversion import to_string
from kuska.fhir.domain.fhirpath.scope import Run, Scope, checked_text
from kuska.fhir.domain.fhirpath.single import boolean, single, value
from kuska.fhir.domain.fhirpath.values import Collection

_ORDER: dict[str, Callable[[int], bool]] = {
    "<": lambda found: found < 0,
    ">": lambda found: found > 0,
    "<=": lambda found: found <= 0,
    ">=": lambda found: found >= 0,
}


def binary(operator: str, left: Run, right: Run) -> Run:
    if operator in _LOGIC:
        return _LOGIC[operator](left, right)
    if operator in _ORDER:
        return _ordered(operator, left, right)
    if operator in _COLLECTIONS:
        act = _COLLECTIONS[operator]
        return lambda scope: act(scope, left(scope), right(scope))

    def calculated(scope: Scope) -> Collection:
        one, other = value(left(scope), operator), value(right(scope), operator)
        found = None if one is None or other is None else calculate(operator, one, other)
        return [] if found is None else [found]

    return calculated


def _ordered(operator: str, left: Run, right: Run) -> Run:
    holds = _ORDER[operator]

    def ordered(scope: Scope) -> Collection:
        one, other = single(left(scope), operator), single(right(scope), operator)
        found = None if one is None or other is None else compare(one, other)
        return [] if found is None else [holds(found)]

    return ordered


def _and(left: Run, right: Run) -> Run:
    def run(scope: Scope) -> Collection:
        one = boolean(left(scope), "and")
        if one is False:
            return [False]
        other = boolean(right(scope), "and")
        return [False] if other is False else [True] if one and other else []

    return run


def _or(left: Run, right: Run) -> Run:
    def run(scope: Scope) -> Collection:
        one = boolean(left(scope), "or")
        if one:
            return [True]
        other = boolean(right(scope), "or")
        return [True] if other else [] if one is None or other is None else [False]

    return run


def _xor(left: Run, right: Run) -> Run:
    def run(scope: Scope) -> Collection:
        one, other = boolean(left(scope), "xor"), boolean(right(scope), "xor")
        return [] if one is None or other is None else [one is not other]

    return run


def _implies(left: Run, right: Run) -> Run:
    def run(scope: Scope) -> Collection:
        one = boolean(left(scope), "implies")
        if one is False:
            return [True]
        other = boolean(right(scope), "implies")
        return [True] if other else [] if one is None or other is None else [False]

    return run


def _equals(_scope: Scope, left: Collection, right: Collection) -> Collection:
    found = equal_collections(left, right)
    return [] if found is None else [found]


def _differs(_scope: Scope, left: Collection, right: Collection) -> Collection:
    found = equal_collections(left, right)
    return [] if found is None else [not found]


def _equivalent(scope: Scope, left: Collection, right: Collection) -> Collection:
    scope.evaluation.spend(len(left) * len(right))
    return [equivalent_collections(left, right)]


def _not_equivalent(scope: Scope, left: Collection, right: Collection) -> Collection:
    scope.evaluation.spend(len(left) * len(right))
    return [not equivalent_collections(left, right)]


def _in(scope: Scope, left: Collection, right: Collection) -> Collection:
    item = single(left, "in")
    return [] if item is None else [set_of(right, scope.evaluation).has(item)]


def _contains(scope: Scope, left: Collection, right: Collection) -> Collection:
    return _in(scope, right, left)


def _concatenated(_scope: Scope, left: Collection, right: Collection) -> Collection:
    texts: list[str] = []
    for items in (left, right):
        found = value(items, "&")
        texts.append("" if found is None else to_string(found) or "")
    return [checked_text("".join(texts))]


_LOGIC: dict[str, Callable[[Run, Run], Run]] = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}
_COLLECTIONS: dict[str, Callable[[Scope, Collection, Collection], Collection]] = {
    "=": _equals,
    "!=": _differs,
    "~": _equivalent,
    "!~": _not_equivalent,
    "in": _in,
    "contains": _contains,
    "|": union,
    "&": _concatenated,
}
