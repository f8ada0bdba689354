"""Sums, products and dates moved by a duration. https://hl7.org/fhirpath/N1/#math

Invariants: decimals keep up to 28 digits; an overflow, like a division by zero, is an empty result (None), never an
error or an infinity.
"""

from __future__ import annotations

from datetime import date
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow

from kuska.fhir.domain.fhirpath.errors import EvaluationError
from kuska.fhir.domain.fhirpath.quantity import (
    Quantity,
    calendar_word,
    in_unit_of,
    product_unit,
    quotient_unit,
    ucum_code,
)
from kuska.fhir.domain.fhirpath.scope import checked_text
from kuska.fhir.domain.fhirpath.temporal import Moment, Temporal, days_in
from kuska.fhir.domain.fhirpath.values import System, type_of

DECIMALS = Context(prec=28, traps=[InvalidOperation, DivisionByZero, Overflow], Emax=60, Emin=-60)
MAX_INTEGER = 2**31 - 1
_Number = int | Decimal
_MOST_DIGITS = 20  # of a duration


def calculate(operator: str, left: System, right: System) -> System | None:
    """`left operator right` for + - * / div mod."""
    first, second = _number(left), _number(right)
    if first is not None and second is not None:
        return _numbers(operator, first, second)
    if operator == "+" and isinstance(left, str) and isinstance(right, str):
        return checked_text(left + right)
    if isinstance(left, Temporal) and isinstance(right, Quantity) and operator in "+-":
        return moved(left, right if operator == "+" else Quantity(-right.value, right.unit, right.system))
    one, other = _quantity(left), _quantity(right)
    if one is not None and other is not None and operator in "+-*/":
        return _quantities(operator, one, other)
    raise EvaluationError("not-calculable", operator=operator, left=type_of(left).name, right=type_of(right).name)


def _number(value: System) -> _Number | None:
    return value if isinstance(value, int | Decimal) and not isinstance(value, bool) else None


def _quantity(value: System) -> Quantity | None:
    number = _number(value)
    if number is not None:
        return Quantity(Decimal(number))
    return value if isinstance(value, Quantity) else None


def fitting(number: _Number) -> _Number | None:
    """None where an integer is too large for FHIRPath."""
    if isinstance(number, int):
        return number if -MAX_INTEGER - 1 <= number <= MAX_INTEGER else None
    return number


def _numbers(operator: str, first: _Number, second: _Number) -> _Number | None:
    if isinstance(first, int) and isinstance(second, int):
        match operator:
            case "+":
                return fitting(first + second)
            case "-":
                return fitting(first - second)
            case "*":
                return fitting(first * second)
            case _:
                pass
    try:
        found = _decimals(operator, Decimal(first), Decimal(second))
    except (InvalidOperation, DivisionByZero, Overflow):
        return None
    whole = operator == "div" or (operator == "mod" and isinstance(first, int) and isinstance(second, int))
    return fitting(int(found)) if whole else found


def _decimals(operator: str, first: Decimal, second: Decimal) -> Decimal:
    match operator:
        case "+":
            return DECIMALS.add(first, second)
        case "-":
            return DECIMALS.subtract(first, second)
        case "*":
            return DECIMALS.multiply(first, second)
        case "/":
            return DECIMALS.divide(first, second)
        case "div":
            return DECIMALS.divide_int(first, second)
        case _:
            return DECIMALS.remainder(first, second)


def _quantities(operator: str, one: Quantity, other: Quantity) -> Quantity | None:
    if operator in "+-":
        value = in_unit_of(other, one)
        if value is None:
            return None
        total = _numbers(operator, one.value, value)
        return None if total is None else Quantity(Decimal(total), one.unit, one.system)
    first, second = ucum_code(one), ucum_code(other)
    if first is None or second is None:
        return None
    unit = product_unit(first, second) if operator == "*" else quotient_unit(first, second)
    total = _numbers(operator, one.value, other.value)
    return None if unit is None or total is None else Quantity(Decimal(total), unit)


# How many of the next finer unit make one, for dates that are not written as finely as what is added.
_FINER = (("year", 12), ("month", 30), ("day", 24), ("hour", 60), ("minute", 60))
_ORDER = ("year", "month", "day", "hour", "minute", "second")
_SECONDS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


def moved(value: Temporal, by: Quantity) -> Temporal | None:
    """The date so much later; None outside the calendar.

    Parts of a unit count for seconds only; a day that a month does not have is its last.
    """
    if by.value.adjusted() > _MOST_DIGITS:
        return None
    word = calendar_word(by)
    if word is None or (value.kind is Moment.TIME and word in ("year", "month", "week", "day")):
        raise EvaluationError("not-a-duration", unit=by.unit, type=value.kind.value)
    amount = by.value
    if word == "millisecond":
        word, amount = "second", DECIMALS.divide(amount, Decimal(1000))
    elif word == "week":
        word, amount = "day", Decimal(int(amount) * 7)
    if word != "second":
        amount = Decimal(int(amount))
    word, amount = _as_coarse_as(value, word, amount)
    if value.kind is Moment.TIME:
        return _time_later(value, amount * _SECONDS[word])
    if word in ("year", "month"):
        return _months_later(value, int(amount) * (12 if word == "year" else 1))
    return _seconds_later(value, amount * _SECONDS[word])


def _as_coarse_as(value: Temporal, word: str, amount: Decimal) -> tuple[str, Decimal]:
    finest = value.precision - 1 + (3 if value.kind is Moment.TIME else 0)
    place = _ORDER.index(word)
    if word == "day" and finest == 0:
        return "year", Decimal(int(amount / 365))
    while place > finest:
        place -= 1
        coarser, factor = _FINER[place]
        # A day is a 365th of a year, not a 30th of a 12th.
        if place == 1 and finest == 0:
            return "year", Decimal(int(amount / 365))
        word, amount = coarser, Decimal(int(amount / factor))
    return word, amount


def _months_later(value: Temporal, months: int) -> Temporal | None:
    year, month, *rest = (*value.parts, 1) if len(value.parts) == 1 else value.parts
    years, month0 = divmod(year * 12 + month - 1 + months, 12)
    if not 1 <= years <= 9999:
        return None
    if rest:
        rest[0] = min(rest[0], days_in(years, month0 + 1))
    parts = (years, month0 + 1, *rest)[: len(value.parts)]
    return Temporal(value.kind, parts, value.second, value.offset)


def _seconds_later(value: Temporal, seconds: Decimal) -> Temporal | None:
    year, month, day, hour, minute = (*value.parts, 0, 0)[:5]
    total = Decimal(hour * 3600 + minute * 60) + (value.second or 0) + seconds
    days = int(total // 86_400)
    days -= total < days * 86_400
    try:
        moved_day = date.fromordinal(date(year, month, day).toordinal() + days)
    except (ValueError, OverflowError):
        return None
    hour, minute, second = _clock(total - days * 86_400)
    parts = (moved_day.year, moved_day.month, moved_day.day, hour, minute)[: len(value.parts)]
    return Temporal(value.kind, parts, _as_fine_as(value.second, second), value.offset)


def _as_fine_as(before: Decimal | None, second: Decimal) -> Decimal | None:
    """Milliseconds that were written stay written."""
    if before is None:
        return None
    old, new = before.as_tuple().exponent, second.as_tuple().exponent
    return second.quantize(before) if isinstance(old, int) and isinstance(new, int) and new > old else second


def _time_later(value: Temporal, seconds: Decimal) -> Temporal:
    hour, minute = (*value.parts, 0)[:2]
    total = (Decimal(hour * 3600 + minute * 60) + (value.second or 0) + seconds) % 86_400
    if total < 0:
        total += 86_400
    hour, minute, second = _clock(total)
    return Temporal(value.kind, (hour, minute)[: len(value.parts)], _as_fine_as(value.second, second))


def _clock(total: Decimal) -> tuple[int, int, Decimal]:
    minutes, second = divmod(total, 60)
    hour, minute = divmod(int(minutes), 60)
    return hour, minute, second
