"""abs, round, ln, …: https://hl7.org/fhirpath/N1/#math"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, DecimalException

from kuska.fhir.domain.fhirpath.arithmetic import DECIMALS, fitting
from kuska.fhir.domain.fhirpath.errors import EvaluationError
from kuska.fhir.domain.fhirpath.functions.registry import Function, values
from kuska.fhir.domain.fhirpath.quantity import Quantity
from kuska.fhir.domain.fhirpath.scope import Scope
from kuska.fhir.domain.fhirpath.single import integer, number, value
from kuska.fhir.domain.fhirpath.values import Collection

_FINE = Context(prec=40, traps=DECIMALS.traps, Emax=60, Emin=-60)


def _of_number(name: str, answer: Callable[[Decimal], int | Decimal | None]) -> Function:
    def run(_scope: Scope, items: Collection) -> Collection:
        found = number(items, name)
        return _result(answer, found)

    return values(run)


def _of_numbers(name: str, answer: Callable[[Decimal, Decimal], int | Decimal | None]) -> Function:
    def run(_scope: Scope, items: Collection, argument: Collection) -> Collection:
        return _result(answer, number(items, name), number(argument, name))

    return values(run, 1)


def _result(answer: Callable[..., int | Decimal | None], *numbers: int | Decimal | None) -> Collection:
    if None in numbers:
        return []
    try:
        found = answer(*(Decimal(one) for one in numbers if one is not None))
    except (DecimalException, ValueError):
        return []  # out of range, or not defined there
    found = None if found is None else fitting(found)
    return [] if found is None else [found]


def _abs(_scope: Scope, items: Collection) -> Collection:
    found = value(items, "abs")
    if isinstance(found, Quantity):
        return [Quantity(abs(found.value), found.unit, found.system)]
    number(items, "abs")
    return [abs(found)] if isinstance(found, int | Decimal) else []


def _round(_scope: Scope, items: Collection, places: Collection | None = None) -> Collection:
    found, digits = number(items, "round"), 0 if places is None else integer(places, "round")
    if found is None or digits is None:
        return []
    if digits < 0:
        raise EvaluationError("negative", what="round")
    if isinstance(found, int):
        return [found]
    unit = Decimal(1).scaleb(-min(digits, 100))
    rounded = found.quantize(unit, ROUND_HALF_UP, _FINE) if digits < _places(found) else found
    return [rounded]


def _places(found: Decimal) -> int:
    exponent = found.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _whole(rounding: str) -> Callable[[Decimal], int]:
    return lambda found: int(found.to_integral_value(rounding))


def _ln(found: Decimal) -> Decimal | None:
    return DECIMALS.plus(found.ln(_FINE)) if found > 0 else None


def _log(found: Decimal, base: Decimal) -> Decimal | None:
    if found <= 0 or base <= 0 or base == 1:
        return None
    return DECIMALS.plus(_FINE.divide(found.ln(_FINE), base.ln(_FINE)))


def _power(found: Decimal, exponent: Decimal) -> int | Decimal | None:
    if found < 0 and exponent != exponent.to_integral_value():
        return None
    return DECIMALS.power(found, exponent)


def _power_of(_scope: Scope, items: Collection, argument: Collection) -> Collection:
    base, exponent = number(items, "power"), number(argument, "power")
    found = _result(_power, base, exponent)
    if found and isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        whole = fitting(int(found[0])) if isinstance(found[0], Decimal) else None
        return [] if whole is None else [whole]
    return found


FUNCTIONS: dict[str, Function] = {
    "abs": values(_abs),
    "ceiling": _of_number("ceiling", _whole(ROUND_CEILING)),
    "floor": _of_number("floor", _whole(ROUND_FLOOR)),
    "truncate": _of_number("truncate", int),
    "round": values(_round, 0, 1),
    "exp": _of_number("exp", DECIMALS.exp),
    "ln": _of_number("ln", _ln),
    "log": _of_numbers("log", _log),
    "power": values(_power_of, 1),
    "sqrt": _of_number("sqrt", lambda found: DECIMALS.sqrt(found) if found >= 0 else None),
}
