"""where, select, repeat, first, union, …: https://hl7.org/fhirpath/N1/#filtering-and-projection and the two sections after"""

from __future__ import annotations

from collections.abc import Iterable

from kuska.fhir.domain.fhirpath.comparison import Distinct, distinct, set_of
from kuska.fhir.domain.fhirpath.errors import EvaluationError
from kuska.fhir.domain.fhirpath.functions.registry import Function, each, expressions, values
from kuska.fhir.domain.fhirpath.scope import Run, Scope
from kuska.fhir.domain.fhirpath.single import boolean, integer, single
from kuska.fhir.domain.fhirpath.values import Collection, TypedNode, children, descendants


def _where(scope: Scope, items: Collection, criteria: Run) -> Collection:
    kept = each(scope, items, criteria)
    return [item for item, found in zip(items, kept, strict=True) if boolean(found, "where")]


def _select(scope: Scope, items: Collection, projection: Run) -> Collection:
    found = [one for projected in each(scope, items, projection) for one in projected]
    scope.evaluation.spend(len(found))
    return found


def _repeat(scope: Scope, items: Collection, projection: Run) -> Collection:
    found = Distinct(scope.evaluation)
    waiting = items
    while waiting:
        waiting = [one for one in _select(scope, waiting, projection) if found.add(one)]
    return found.items


def _repeat_all(scope: Scope, items: Collection, projection: Run) -> Collection:
    found: Collection = []
    waiting = items
    while waiting:
        waiting = _select(scope, waiting, projection)
        found.extend(waiting)
    return found


def _of_trees(scope: Scope, nodes: Iterable[TypedNode]) -> Collection:
    found: Collection = []
    for node in nodes:
        found.append(node)
        if len(found) % 256 == 0:
            scope.evaluation.spend(256)
    return found


def _children(scope: Scope, items: Collection) -> Collection:
    return _of_trees(scope, (child for item in items if isinstance(item, TypedNode) for child in children(item)))


def _descendants(scope: Scope, items: Collection) -> Collection:
    return _of_trees(scope, (child for item in items if isinstance(item, TypedNode) for child in descendants(item)))


def _single(_scope: Scope, items: Collection) -> Collection:
    found = single(items, "single")
    return [] if found is None else [found]


def _first(_scope: Scope, items: Collection) -> Collection:
    return items[:1]


def _last(_scope: Scope, items: Collection) -> Collection:
    return items[-1:]


def _tail(_scope: Scope, items: Collection) -> Collection:
    return items[1:]


def _skip(_scope: Scope, items: Collection, count: Collection) -> Collection:
    number = integer(count, "skip")
    return [] if number is None else items[max(0, number) :]


def _take(_scope: Scope, items: Collection, count: Collection) -> Collection:
    number = integer(count, "take")
    return [] if number is None else items[: max(0, number)]


def _intersect(scope: Scope, items: Collection, other: Collection) -> Collection:
    within = set_of(other, scope.evaluation)
    return distinct([item for item in items if within.has(item)], scope.evaluation)


def _exclude(scope: Scope, items: Collection, other: Collection) -> Collection:
    without = set_of(other, scope.evaluation)
    return [item for item in items if not without.has(item)]


def union(scope: Scope, items: Collection, other: Collection) -> Collection:
    return distinct([*items, *other], scope.evaluation)


def _combine(scope: Scope, items: Collection, other: Collection, keep_order: Collection | None = None) -> Collection:
    del keep_order  # the order is always kept
    scope.evaluation.spend(len(items) + len(other))
    return [*items, *other]


def _aggregate(scope: Scope, items: Collection, step: Run, initial: Run | None = None) -> Collection:
    total: Collection = initial(scope) if initial else []
    for place, item in enumerate(items):
        inner = scope.about([item], place)
        inner.total = total
        scope.evaluation.spend(1)
        total = step(inner)
    return total


def _iif(scope: Scope, items: Collection, criterion: Run, then: Run, otherwise: Run | None = None) -> Collection:
    if len(items) > 1:
        raise EvaluationError("not-single", what="iif")
    inner = scope.about(items)
    if boolean(criterion(inner), "iif"):
        return then(inner)
    return otherwise(inner) if otherwise else []


def _trace(scope: Scope, items: Collection, name: Run, projection: Run | None = None) -> Collection:
    if scope.evaluation.trace is not None:
        label = single(name(scope), "trace")
        shown = items if projection is None else _select(scope, items, projection)
        scope.evaluation.trace(str(label), shown)
    return items


def _coalesce(scope: Scope, _items: Collection, *options: Run) -> Collection:
    return next((found for option in options if (found := option(scope))), [])


def _define_variable(scope: Scope, items: Collection, name: Run, content: Run | None = None) -> Collection:
    label = single(name(scope), "defineVariable")
    if not isinstance(label, str):
        raise EvaluationError("wrong-type", what="defineVariable", wanted="String", found="{}")
    if label in scope.variables or label in scope.evaluation.env:
        raise EvaluationError("variable-defined-twice", name=label)
    scope.variables = {**scope.variables, label: content(scope.about(items)) if content else items}
    return items


FUNCTIONS: dict[str, Function] = {
    "where": expressions(_where, 1),
    "select": expressions(_select, 1),
    "repeat": expressions(_repeat, 1),
    "repeatAll": expressions(_repeat_all, 1),
    "children": values(_children),
    "descendants": values(_descendants),
    "single": values(_single),
    "first": values(_first),
    "last": values(_last),
    "tail": values(_tail),
    "skip": values(_skip, 1),
    "take": values(_take, 1),
    "intersect": values(_intersect, 1),
    "exclude": values(_exclude, 1),
    "union": values(union, 1),
    "combine": values(_combine, 1, 2),
    "aggregate": expressions(_aggregate, 1, 2),
    "iif": expressions(_iif, 2, 3),
    "trace": expressions(_trace, 1, 2),
    "coalesce": expressions(_coalesce, 1, 100),
    "defineVariable": expressions(_define_variable, 1, 2),
}
