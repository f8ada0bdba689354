"""How exactly a value is known: lowBoundary, highBoundary, precision, comparable. https://build.fhir.org/ig/HL7/FHIRPath/#utility-functions

A decimal stands for half a unit of its last digit either way; a date for all of its year, month, day, ..., a date-time
without a zone for the earliest or the latest zone there is.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from kuska.fhir.domain.fhirpath.functions.registry import Function, values
from kuska.fhir.domain.fhirpath.quantity import Quantity, same_dimension
from kuska.fhir.domain.fhirpath.scope import Scope
from kuska.fhir.domain.fhirpath.single import integer, single
from kuska.fhir.domain.fhirpath.single import value as value_of
from kuska.fhir.domain.fhirpath.temporal import Moment, Temporal, days_in
from kuska.fhir.domain.fhirpath.values import Collection, System

_MOST_DECIMALS = 31
_DECIMALS = 8
_LOW, _HIGH = -1, 1
_WIDE = Context(prec=200)
# Digits of a date or time, as `precision` counts them, and the parts they are.
_DATE_PARTS = {4: 1, 6: 2, 8: 3, 10: 4, 12: 5, 14: 6, 17: 7}
_TIME_PARTS = {2: 1, 4: 2, 6: 3, 9: 4}
_EARLIEST_ZONE, _LATEST_ZONE = 14 * 60, -12 * 60


def _boundary(items: Collection, precision: Collection | None, side: int, name: str) -> Collection:
    value = value_of(items, name)
    digits = None if precision is None else integer(precision, name)
    if value is None or (precision is not None and digits is None):
        return []
    found = _bound(value, digits, side)
    return [] if found is None else [found]


def _bound(value: System, digits: int | None, side: int) -> Decimal | int | Temporal | Quantity | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return _decimal(Decimal(value), _DECIMALS if digits is None else digits, side)
    if isinstance(value, Quantity):
        number = _decimal(value.value, _DECIMALS if digits is None else digits, side)
        return None if number is None else Quantity(number, value.unit, value.system)
    if isinstance(value, Temporal):
        return _temporal(value, digits, side)
    return None


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _decimal(number: Decimal, digits: int, side: int) -> Decimal | None:
    if not 0 <= digits <= _MOST_DECIMALS or abs(number.adjusted()) > 60:
        return None
    bound = _WIDE.add(number, Decimal(5 * side).scaleb(-_places(number) - 1))
    return bound.quantize(Decimal(1).scaleb(-digits), ROUND_FLOOR if side == _LOW else ROUND_CEILING, _WIDE)


def _temporal(value: Temporal, digits: int | None, side: int) -> Temporal | None:
    table = _TIME_PARTS if value.kind is Moment.TIME else _DATE_PARTS
    if digits is None:
        digits = {Moment.TIME: 9, Moment.DATE: 8, Moment.DATETIME: 17}[value.kind]
    wanted = table.get(digits)
    if wanted is None:
        return None
    if value.kind is Moment.TIME:
        clock = _filled(value.parts, value.second, (23, 59), side)
        return _cut(value.kind, clock[:2], clock[2], wanted + 3, None)
    year, month, day = _day(value.parts, side)
    hour, minute, second = _filled(value.parts[3:], value.second, (23, 59), side)
    zone = value.offset
    if zone is None:
        zone = _EARLIEST_ZONE if side == _LOW else _LATEST_ZONE
    kind = Moment.DATE if wanted <= 3 else Moment.DATETIME
    return _cut(kind, (year, month, day, hour, minute), second, wanted, zone)


def _day(parts: tuple[int, ...], side: int) -> tuple[int, int, int]:
    year = parts[0]
    month = parts[1] if len(parts) > 1 else 1 if side == _LOW else 12
    day = parts[2] if len(parts) > 2 else 1 if side == _LOW else days_in(year, month)
    return year, month, day


def _filled(
    parts: tuple[int, ...], second: Decimal | None, most: tuple[int, int], side: int
) -> tuple[int, int, Decimal]:
    hour = parts[0] if parts else 0 if side == _LOW else most[0]
    minute = parts[1] if len(parts) > 1 else 0 if side == _LOW else most[1]
    if second is None:
        return hour, minute, Decimal("0.000") if side == _LOW else Decimal("59.999")
    given = _places(second)
    if given >= 3:
        return hour, minute, second
    return hour, minute, second + (Decimal("0.000") if side == _LOW else Decimal(1).scaleb(-given) - Decimal("0.001"))


def _cut(kind: Moment, parts: tuple[int, ...], second: Decimal, wanted: int, zone: int | None) -> Temporal:
    """Only so many parts: 1 year … 5 minute, 6 second, 7 millisecond."""
    if kind is Moment.TIME:
        parts_wanted = wanted - 3
        if parts_wanted <= 2:
            return Temporal(kind, parts[:parts_wanted])
        return Temporal(kind, parts, second.quantize(Decimal(1), ROUND_FLOOR) if wanted == 6 else second)
    if wanted <= 5:
        return Temporal(kind, parts[:wanted], None, zone if wanted > 3 else None)
    return Temporal(kind, parts, second.quantize(Decimal(1), ROUND_FLOOR) if wanted == 6 else second, zone)


def _low(_scope: Scope, items: Collection, precision: Collection | None = None) -> Collection:
    return _boundary(items, precision, _LOW, "lowBoundary")


def _high(_scope: Scope, items: Collection, precision: Collection | None = None) -> Collection:
    return _boundary(items, precision, _HIGH, "highBoundary")


def _precision(_scope: Scope, items: Collection) -> Collection:
    value = value_of(items, "precision")
    match value:
        case bool():
            return []
        case int():
            return [0]
        case Decimal():
            return [_places(value)]
        case Temporal():
            digits = (2, 4, 6, 9) if value.kind is Moment.TIME else (4, 6, 8, 10, 12, 14, 17)
            fine = value.second is not None and _places(value.second) > 0
            return [digits[value.precision - 1 + fine]]
        case _:
            return []


def _comparable(_scope: Scope, items: Collection, other: Collection) -> Collection:
    one, another = value_of(items, "comparable"), value_of(other, "comparable")
    if single(items, "comparable") is None or single(other, "comparable") is None:
        return []
    return [isinstance(one, Quantity) and isinstance(another, Quantity) and same_dimension(one, another)]


FUNCTIONS: dict[str, Function] = {
    "lowBoundary": values(_low, 0, 1),
    "highBoundary": values(_high, 0, 1),
    "precision": values(_precision),
    "comparable": values(_comparable, 1),
}
