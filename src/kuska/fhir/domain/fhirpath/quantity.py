"""Numbers with units: UCUM, the words of the calendar, or the units of any other system.

Words: a *calendar* unit is one of year … millisecond; those from weeks down are the same as UCUM's, a calendar month
or year is not any fixed time. Invariants: units are compared exactly (fractions), never as floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

from kuska.fhir.domain.ucum import Unit, unit

UCUM = "http://unitsofmeasure.org"
CALENDAR = "calendar"
ONE = "1"

_WORDS = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
_CALENDAR = {word: word for word in _WORDS} | {word + "s": word for word in _WORDS}
_AS_UCUM = {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}
_UCUM_WORDS = {code: word for word, code in _AS_UCUM.items()}
_MONTHS = {"year": 12, "month": 1}
_FOR_EQUIVALENCE = {"year": "a", "month": "mo"}


_EXACT = Context(prec=28, traps=[])


@dataclass(frozen=True, slots=True)
class Quantity:
    value: Decimal
    unit: str = ONE
    system: str = UCUM  # CALENDAR for words like 'month'; '' for a unit without a system

    def __str__(self) -> str:
        number = f"{self.value:f}"
        if self.system == CALENDAR:
            return f"{number} {self.unit}" if self.value == 1 else f"{number} {self.unit}s"
        escaped = self.unit.replace("\\", "\\\\").replace("'", "\\'")
        return f"{number} '{escaped}'"


def calendar_unit(word: str) -> str | None:
    """'days' -> 'day'; None for what is no word of the calendar."""
    return _CALENDAR.get(word)


def calendar_word(quantity: Quantity) -> str | None:
    """The calendar unit to add to a date; UCUM's months and years are fixed times and are none."""
    if quantity.system == CALENDAR:
        return quantity.unit
    return _UCUM_WORDS.get(quantity.unit) or _CALENDAR.get(quantity.unit)


def ucum_code(quantity: Quantity) -> str | None:
    """The UCUM code that means the same, where there is one."""
    return _AS_UCUM.get(quantity.unit) if quantity.system == CALENDAR else quantity.unit


def scaled(one: Quantity, other: Quantity, *, roughly: bool = False) -> tuple[Fraction, Fraction] | None:
    """Both values in one unit; None where the units do not compare. `roughly` lets a calendar year be a year of UCUM."""
    if one.system == other.system and one.unit == other.unit:
        return Fraction(one.value), Fraction(other.value)
    if one.system == CALENDAR and other.system == CALENDAR and one.unit in _MONTHS and other.unit in _MONTHS:
        return Fraction(one.value) * _MONTHS[one.unit], Fraction(other.value) * _MONTHS[other.unit]
    first, second = _meaning(one, roughly=roughly), _meaning(other, roughly=roughly)
    if first is None or second is None or first.dimension != second.dimension:
        return None
    return (
        Fraction(one.value) * first.factor + first.zero,
        Fraction(other.value) * second.factor + second.zero,
    )


def _meaning(quantity: Quantity, *, roughly: bool) -> Unit | None:
    if quantity.system == CALENDAR:
        code = _AS_UCUM.get(quantity.unit) or (_FOR_EQUIVALENCE.get(quantity.unit) if roughly else None)
        return None if code is None else unit(code)
    return unit(quantity.unit) if quantity.system == UCUM else None


def in_unit_of(one: Quantity, other: Quantity) -> Decimal | None:
    """The value of `one` in the unit of `other`."""
    ones = Quantity(Decimal(1), other.unit, other.system)
    found = scaled(one, ones, roughly=True)
    zero = scaled(Quantity(Decimal(0), other.unit, other.system), ones, roughly=True)
    if found is None or zero is None:
        return None
    value = (found[0] - zero[0]) / (found[1] - zero[0])
    return one.value if one.unit == other.unit else _EXACT.divide(Decimal(value.numerator), Decimal(value.denominator))


def same_dimension(one: Quantity, other: Quantity) -> bool:
    return scaled(one, other, roughly=True) is not None


def product_unit(one: str, other: str) -> str | None:
    return _combined(one, other, ".")


def quotient_unit(one: str, other: str) -> str | None:
    return ONE if one == other else _combined(one, other, "/")


def _combined(one: str, other: str, sign: str) -> str | None:
    if other == ONE:
        return one
    if one == ONE and sign == ".":
        return other
    code = f"{one}{sign}({other})" if any(mark in other for mark in "./") else f"{one}{sign}{other}"
    return code if unit(code) is not None else None
