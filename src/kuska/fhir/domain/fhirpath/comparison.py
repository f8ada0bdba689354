"""Equality, equivalence, order and sets. https://hl7.org/fhirpath/N1/#equality

None stands for "cannot be said": dates of different precision, units that do not compare.
"""

from __future__ import annotations

from collections.abc import Hashable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from kuska.fhir.domain.fhirpath import schema
from kuska.fhir.domain.fhirpath.errors import EvaluationError
from kuska.fhir.domain.fhirpath.quantity import Quantity, in_unit_of, scaled
from kuska.fhir.domain.fhirpath.scope import Evaluation
from kuska.fhir.domain.fhirpath.temporal import Moment, Temporal
from kuska.fhir.domain.fhirpath.temporal import compare as compare_temporal
from kuska.fhir.domain.fhirpath.values import Collection, Item, System, TypedNode, members, system, type_of

_WIDE = Context(prec=800)  # any number that JSON may bring


def equal(one: Item, other: Item) -> bool | None:
    first, second = system(one), system(other)
    if first is None or second is None:
        if not isinstance(one, TypedNode) or not isinstance(other, TypedNode):
            return False
        return first is second and same_json(one.raw, other.raw) and same_json(one.extra, other.extra)
    return _equal_values(first, second)


def _equal_values(first: System, second: System) -> bool | None:
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, Quantity) or isinstance(second, Quantity):
        return _equal_quantities(_as_quantity(first), _as_quantity(second))
    if isinstance(first, Temporal) and isinstance(second, Temporal):
        if (first.kind is Moment.TIME) != (second.kind is Moment.TIME):
            return False
        found = compare_temporal(first, second)
        return None if found is None else found == 0
    return first == second


def _as_quantity(value: System) -> Quantity | None:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Quantity(Decimal(value))
    return value if isinstance(value, Quantity) else None


def _equal_quantities(first: Quantity | None, second: Quantity | None) -> bool | None:
    if first is None or second is None:
        return False
    found = scaled(first, second)
    return None if found is None else found[0] == found[1]


def same_json(one: Any, other: Any) -> bool:
    """Equal as JSON: numbers by value, true is not 1."""
    if one.__class__ is dict and other.__class__ is dict:
        return one.keys() == other.keys() and all(same_json(value, other[key]) for key, value in one.items())
    if one.__class__ is list and other.__class__ is list:
        return len(one) == len(other) and all(map(same_json, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def equal_collections(left: Collection, right: Collection) -> bool | None:
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    open_ = False
    for one, other in zip(left, right, strict=True):
        found = equal(one, other)
        if found is False:
            return False
        open_ = open_ or found is None
    return None if open_ else True


def equivalent(one: Item, other: Item) -> bool:
    first, second = system(one), system(other)
    if first is None or second is None:
        if first is not second or not isinstance(one, TypedNode) or not isinstance(other, TypedNode):
            return False
        return _equivalent_nodes(one, other)
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, str) and isinstance(second, str):
        return " ".join(first.split()).casefold() == " ".join(second.split()).casefold()
    if isinstance(first, Quantity) or isinstance(second, Quantity):
        return _equivalent_quantities(_as_quantity(first), _as_quantity(second))
    if isinstance(first, int | Decimal) and isinstance(second, int | Decimal):
        return _equivalent_numbers(Decimal(first), Decimal(second))
    return _equal_values(first, second) is True


def _equivalent_nodes(one: TypedNode, other: TypedNode) -> bool:
    if one.raw.__class__ is not dict or other.raw.__class__ is not dict:
        return same_json(one.raw, other.raw)
    names = schema.steps(one.type).keys() | schema.steps(other.type).keys()
    return all(
        equivalent_collections(list(members(one, name)), list(members(other, name))) for name in names if name != "id"
    )


def _equivalent_quantities(first: Quantity | None, second: Quantity | None) -> bool:
    if first is None or second is None:
        return False
    value = in_unit_of(second, first)
    return value is not None and _equivalent_numbers(first.value, value)


def _equivalent_numbers(first: Decimal, second: Decimal) -> bool:
    """Rounded to the precision of the less precise one; trailing zeros are none."""
    places = min(_places(first), _places(second))
    unit = Decimal(1).scaleb(-places)
    return first.quantize(unit, ROUND_HALF_UP, _WIDE) == second.quantize(unit, ROUND_HALF_UP, _WIDE)


def _places(number: Decimal) -> int:
    exponent = number.normalize(_WIDE).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def equivalent_collections(left: Collection, right: Collection) -> bool:
    """In any order."""
    if len(left) != len(right):
        return False
    waiting = list(right)
    for one in left:
        place = next((place for place, other in enumerate(waiting) if equivalent(one, other)), None)
        if place is None:
            return False
        del waiting[place]
    return True


def compare(one: Item, other: Item) -> int | None:
    """-1, 0, 1; an error for what has no order."""
    first, second = system(one), system(other)
    if first is None or second is None:
        if _orderable(first, one) and _orderable(second, other):
            return None  # a primitive or quantity without a value
        raise EvaluationError("not-comparable", left=type_of(one).name, right=type_of(other).name)
    if isinstance(first, Temporal) and isinstance(second, Temporal):
        if (first.kind is Moment.TIME) == (second.kind is Moment.TIME):
            return compare_temporal(first, second)
    elif isinstance(first, str) and isinstance(second, str):
        return (first > second) - (first < second)
    elif isinstance(first, int | Decimal) and isinstance(second, int | Decimal):
        if not isinstance(first, bool) and not isinstance(second, bool):
            return (first > second) - (first < second)
    else:
        mine, its = _as_quantity(first), _as_quantity(second)
        if mine is not None and its is not None:
            found = scaled(mine, its)
            return None if found is None else (found[0] > found[1]) - (found[0] < found[1])
    raise EvaluationError("not-comparable", left=type_of(one).name, right=type_of(other).name)


def _orderable(value: System | None, item: Item) -> bool:
    return value is not None or (
        isinstance(item, TypedNode) and (item.raw is None or "Quantity" in schema.ancestors(item.type))
    )


def _key(item: Item) -> Hashable:
    """Equal items have equal keys; not the other way round. A number can equal a quantity, so they share theirs."""
    value = system(item)
    if value is None:
        return ("tree", *sorted(item.fields)) if isinstance(item, TypedNode) else ("tree",)
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, str):
        return ("text", value)
    if isinstance(value, Quantity):
        return ("number", value.value) if value.unit == "1" else ("quantity",)
    if isinstance(value, int | Decimal):
        return ("number", value)
    return ("other",)


class Distinct:
    """A set of items in their order: hashed where a value decides, compared one by one where it does not."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._buckets: dict[Hashable, Collection] = {}
        self.items: Collection = []

    def add(self, item: Item) -> bool:
        """False when an equal one was there."""
        bucket = self._bucket(item)
        self._evaluation.spend(len(bucket) + 1)
        if any(equal(item, other) is True for other in bucket):
            return False
        bucket.append(item)
        self.items.append(item)
        return True

    def has(self, item: Item) -> bool:
        bucket = self._bucket(item)
        self._evaluation.spend(len(bucket) + 1)
        return any(equal(item, other) is True for other in bucket)

    def _bucket(self, item: Item) -> Collection:
        return self._buckets.setdefault(_key(item), [])


def distinct(items: Collection, evaluation: Evaluation) -> Collection:
    if len(items) < 2:
        return items
    found = Distinct(evaluation)
    for item in items:
        found.add(item)
    return found.items


def set_of(items: Collection, evaluation: Evaluation) -> Distinct:
    found = Distinct(evaluation)
    for item in items:
        found.add(item)
    return found
