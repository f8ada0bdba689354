"""toInteger, convertsToDate, …: https://hl7.org/fhirpath/N1/#conversion"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from kuska.fhir.domain.fhirpath.arithmetic import fitting
from kuska.fhir.domain.fhirpath.functions.registry import Function, values
from kuska.fhir.domain.fhirpath.quantity import CALENDAR, Quantity, calendar_unit, in_unit_of
from kuska.fhir.domain.fhirpath.scope import Scope
from kuska.fhir.domain.fhirpath.single import single, text
from kuska.fhir.domain.fhirpath.temporal import Moment, Temporal, read_date, read_datetime, read_time
from kuska.fhir.domain.fhirpath.values import Collection, Item, System, system

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,100}(?:\.[0-9]{1,100})?")
_QUANTITY = re.compile(r"([+-]?[0-9]{1,100}(?:\.[0-9]{1,100})?)\s*(?:'([^']+)'|([a-zA-Z]+))?")
_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})


def to_boolean(value: System) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | Decimal):
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        lowered = value.lower()
        return True if lowered in _TRUE else False if lowered in _FALSE else None
    return None


def to_integer(value: System) -> int | None:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        found = fitting(int(value))
        return found if isinstance(found, int) else None
    return None


def to_decimal(value: System) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int):
        return Decimal(int(value))
    return Decimal(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else None


def to_string(value: System) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, str | int | Temporal | Quantity) else None


def to_date(value: System) -> Temporal | None:
    if isinstance(value, str):
        return read_date(value)
    if isinstance(value, Temporal) and value.kind is not Moment.TIME:
        return Temporal(Moment.DATE, value.parts[:3])
    return None


def to_datetime(value: System) -> Temporal | None:
    if isinstance(value, str):
        return read_datetime(value)
    if isinstance(value, Temporal) and value.kind is not Moment.TIME:
        return Temporal(Moment.DATETIME, value.parts, value.second, value.offset)
    return None


def to_time(value: System) -> Temporal | None:
    if isinstance(value, str):
        found = read_time(value.removeprefix("T"))
        return None if found is None or found.offset is not None else found
    return value if isinstance(value, Temporal) and value.kind is Moment.TIME else None


def to_quantity(value: System) -> Quantity | None:
    if isinstance(value, Quantity):
        return value
    if isinstance(value, int | Decimal):
        return Quantity(Decimal(value))
    if not isinstance(value, str) or not (found := _QUANTITY.fullmatch(value)):
        return None
    number, code, word = found.groups()
    if word is None:
        return Quantity(Decimal(number), code or "1")
    unit = calendar_unit(word)
    return None if unit is None else Quantity(Decimal(number), unit, CALENDAR)


def _converted(items: Collection, convert: Callable[[System], Item | None], what: str) -> Collection:
    item = single(items, what)
    value = None if item is None else system(item)
    found = None if value is None else convert(value)
    return [] if found is None else [found]


def _to(name: str, convert: Callable[[System], Item | None]) -> Function:
    def run(_scope: Scope, items: Collection) -> Collection:
        return _converted(items, convert, name)

    return values(run)


def _converts_to(name: str, convert: Callable[[System], Item | None]) -> Function:
    def run(_scope: Scope, items: Collection) -> Collection:
        return [bool(_converted(items, convert, name))] if items else []

    return values(run)


def _quantity_in(items: Collection, unit: Collection | None, what: str) -> Collection:
    found = _converted(items, to_quantity, what)
    wanted = None if unit is None else text(unit, what)
    if not found or wanted is None:
        return found
    word = calendar_unit(wanted)
    target = Quantity(Decimal(1), word, CALENDAR) if word else Quantity(Decimal(1), wanted)
    quantity = found[0]
    value = in_unit_of(quantity, target) if isinstance(quantity, Quantity) else None
    return [] if value is None else [Quantity(value, target.unit, target.system)]


def _to_quantity(_scope: Scope, items: Collection, unit: Collection | None = None) -> Collection:
    return _quantity_in(items, unit, "toQuantity")


def _converts_to_quantity(_scope: Scope, items: Collection, unit: Collection | None = None) -> Collection:
    return [bool(_quantity_in(items, unit, "convertsToQuantity"))] if items else []


_CONVERSIONS: dict[str, Callable[[System], Item | None]] = {
    "Boolean": to_boolean,
    "Integer": to_integer,
    "Long": to_integer,
    "Decimal": to_decimal,
    "String": to_string,
    "Date": to_date,
    "DateTime": to_datetime,
    "Time": to_time,
}

FUNCTIONS: dict[str, Function] = {
    **{f"to{name}": _to(f"to{name}", convert) for name, convert in _CONVERSIONS.items()},
    **{f"convertsTo{name}": _converts_to(f"convertsTo{name}", convert) for name, convert in _CONVERSIONS.items()},
    "toQuantity": values(_to_quantity, 0, 1),
    "convertsToQuantity": values(_converts_to_quantity, 0, 1),
}
