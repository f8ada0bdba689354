"""Values in canonical units, and from one unit to another.

Invariants: nothing here raises, whatever the code or the number; values that are equal in meaning (5.4 mmol/L and
5400 umol/L) give the same float, because everything is exact until the one rounding at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b

from kuska.fhir.domain.ucum.units import Dimension, unit

_MATH = Context(prec=60, traps=[])
_MAX_MAGNITUDE = 330  # beyond a float's range either way


@dataclass(frozen=True, slots=True)
class _Scale:
    factor: Decimal
    zero: Decimal
    dimension: int


def canonical(value: Decimal | float, code: str) -> tuple[float, int] | None:
    """The value in canonical units and the number of their dimension; None where the code is no UCUM unit.

    Only temperatures are moved (to kelvins); pH, decibels and the like stay as they are, so that more is more.
    """
    scale = _scale(code)
    exact = _decimal(value)
    if scale is None or exact is None:
        return None
    result = _MATH.multiply(exact, scale.factor)
    return float(_MATH.add(result, scale.zero) if scale.zero else result), scale.dimension


def dimension(code: str) -> int | None:
    """Number of the unit's dimension: equal for units that compare. Never 0."""
    scale = _scale(code)
    return None if scale is None else scale.dimension


def comparable(one: str, other: str) -> bool:
    first, second = unit(one), unit(other)
    return first is not None and second is not None and first.dimension == second.dimension


def convert(value: Decimal | float, source: str, target: str) -> Decimal | None:
    """The value in another unit, exact where a decimal number can be; None where the units do not compare."""
    first, second, exact = unit(source), unit(target), _decimal(value)
    if first is None or second is None or exact is None or first.dimension != second.dimension:
        return None
    if first == second:
        return exact
    result = (Fraction(exact) * first.factor + first.zero - second.zero) / second.factor
    return _plain(_MATH.divide(Decimal(result.numerator), Decimal(result.denominator)))


@lru_cache(maxsize=2048)
def _scale(code: str) -> _Scale | None:
    found = unit(code)
    if found is None:
        return None
    return _Scale(_quotient(found.factor), _quotient(found.zero), _number(found.dimension))


def _number(found: Dimension) -> int:
    """32 bits, signed, never 0: that is 'none' in an index row."""
    text = ".".join(f"{base}{exponent}" for base, exponent in found) or "1"
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), signed=True) or 1


def _quotient(number: Fraction) -> Decimal:
    return _MATH.divide(Decimal(number.numerator), Decimal(number.denominator))


def _decimal(value: Decimal | float) -> Decimal | None:
    """With the digits that were written; None for what is no number, or too large or small to be a measurement."""
    try:
        exact = value if isinstance(value, Decimal) else Decimal(value if isinstance(value, int) else repr(value))
    except (InvalidOperation, ValueError):
        return None
    return exact if exact.is_finite() and abs(exact.adjusted()) <= _MAX_MAGNITUDE else None


def _plain(number: Decimal) -> Decimal:
    """Without trailing zeros and without an exponent where a whole number does (1E+3 is 1000)."""
    short = number.normalize(Context(prec=34))
    exponent = short.as_tuple().exponent
    return short.quantize(Decimal(1)) if isinstance(exponent, int) and 0 < exponent <= 20 else short
