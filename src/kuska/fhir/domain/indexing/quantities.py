"""Numbers and quantities as spans: as written, and in canonical UCUM units where there are any."""

from __future__ import annotations

from decimal import Decimal
from math import inf
from typing import Any

from kuska.fhir.domain.indexing.keys import code_hash, unit_hash
from kuska.fhir.domain.ucum import canonical

UCUM = "http://unitsofmeasure.org"
CURRENCIES = "urn:iso:std:iso:4217"

# (low, high, unit, code, dim, clow, chigh): a quantity row without its parameter
Span = tuple[float, float, int, int, int, float, float]
_Bound = tuple[float, int, int, int, float]  # value, unit, code, dim, canonical value


def number_span(value: Decimal | int) -> Span:
    number = float(value)
    return number, number, 0, 0, 0, number, number


def quantity_span(quantity: dict[str, Any]) -> Span | None:
    """A comparator opens one side: '<5' may be anything up to 5."""
    found = _bound(quantity)
    if found is None:
        return None
    value, unit, code, dim, converted = found
    match quantity.get("comparator"):
        case None:
            return value, value, unit, code, dim, converted, converted
        case "<" | "<=":
            return -inf, value, unit, code, dim, -inf, converted
        case ">" | ">=":
            return value, inf, unit, code, dim, converted, inf
        case _:
            return value, value, unit, code, dim, converted, converted


def money_span(money: dict[str, Any]) -> Span | None:
    if money.get("value") is None:
        return None
    value, currency = float(money["value"]), money.get("currency") or ""
    return value, value, unit_hash(CURRENCIES, currency), code_hash(currency), 0, value, value


def range_span(value: dict[str, Any]) -> Span | None:
    """From low to high; a missing one leaves that side open. Bounds that do not compare are two bare numbers."""
    low, high = _bound(value.get("low") or {}), _bound(value.get("high") or {})
    if low is None:
        return None if high is None else (-inf, high[0], high[1], high[2], high[3], -inf, high[4])
    if high is None:
        return low[0], inf, low[1], low[2], low[3], low[4], inf
    if low[3] != high[3]:
        return low[0], high[0], 0, 0, 0, low[0], high[0]
    if low[1] != high[1] and low[3]:
        # Other units of one dimension: only the canonical values say what lies between.
        return low[4], high[4], 0, 0, low[3], low[4], high[4]
    return low[0], high[0], low[1], low[2], low[3], low[4], high[4]


def number_range_span(value: dict[str, Any]) -> Span | None:
    """A Range where a number is searched: units do not matter."""
    low, high = (value.get("low") or {}).get("value"), (value.get("high") or {}).get("value")
    if low is None and high is None:
        return None
    bottom, top = -inf if low is None else float(low), inf if high is None else float(high)
    return bottom, top, 0, 0, 0, bottom, top


def _bound(quantity: dict[str, Any]) -> _Bound | None:
    exact = quantity.get("value")
    if exact is None:
        return None
    value, code = float(exact), quantity.get("code")
    if code is None:
        return value, 0, code_hash(quantity.get("unit") or ""), 0, value
    system = quantity.get("system") or ""
    converted = canonical(exact, code) if system == UCUM else None
    if converted is None:
        return value, unit_hash(system, code), code_hash(code), 0, value
    return value, unit_hash(system, code), code_hash(code), converted[1], converted[0]
