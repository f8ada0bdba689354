"""Numbers and quantities in queries: precision, units, and their conversion where UCUM knows how.

See https://hl7.org/fhir/R4/search.html#number and #quantity. Only without a prefix (and with `ne`, `ap`) do the digits
of the number count; with the others it is exactly itself.
"""

from __future__ import annotations

from kuska.fhir.domain.indexing.keys import code_hash, unit_hash
from kuska.fhir.domain.indexing.quantities import UCUM
from kuska.fhir.domain.search import problems
from kuska.fhir.domain.search.tree import NumberTest, Prefix
from kuska.fhir.domain.search.values import Number, approximate, number, plain, prefixed, split
from kuska.fhir.domain.ucum import canonical, code_of


def _asked(name: str, text: str) -> tuple[Prefix, Number]:
    prefix, rest = prefixed(text)
    found = number(rest)
    if found is None:
        raise problems.bad_value(name, text, "search.bad-number")
    return prefix, approximate(found) if prefix == "ap" else found


def number_test(name: str, text: str) -> NumberTest:
    prefix, asked = _asked(name, text)
    return NumberTest(prefix, float(asked.value), float(asked.low), float(asked.high), dim=0)


def quantity_tests(name: str, text: str) -> list[NumberTest]:
    """`number`, `number|system|code` or `number||code`."""
    parts = [plain(part) for part in split(text, "|")]
    if len(parts) not in (1, 3):
        raise problems.bad_value(name, text, "search.bad-quantity")
    prefix, asked = _asked(name, parts[0])
    low, high, value = float(asked.low), float(asked.high), float(asked.value)
    if len(parts) == 1 or not parts[2]:
        if len(parts) == 3 and parts[1]:
            raise problems.bad_value(name, text, "search.bad-quantity")
        return [NumberTest(prefix, value, low, high)]
    system, code = parts[1], parts[2]
    if system == UCUM:
        converted = _converted(prefix, asked, code)
        return [converted or NumberTest(prefix, value, low, high, dim=0, unit=unit_hash(system, code))]
    if system:
        return [NumberTest(prefix, value, low, high, dim=0, unit=unit_hash(system, code))]
    # Any system: those in UCUM are found by their canonical value, the others by the written one. R4: "code or unit",
    # so a unit's text finds the UCUM code that it stands for.
    meant = code_of(code)
    return _of_code(prefix, asked, code) + ([] if meant is None else _of_code(prefix, asked, meant))


def _of_code(prefix: Prefix, asked: Number, code: str) -> list[NumberTest]:
    low, high, value = float(asked.low), float(asked.high), float(asked.value)
    written = NumberTest(prefix, value, low, high, dim=0, code=code_hash(code))
    converted = _converted(prefix, asked, code)
    if converted is None:
        return [written]
    return [
        NumberTest(prefix, converted.value, converted.low, converted.high, dim=converted.dim, code=code_hash(code)),
        written,
    ]


def _converted(prefix: Prefix, asked: Number, code: str) -> NumberTest | None:
    found = [canonical(bound, code) for bound in (asked.value, asked.low, asked.high)]
    values: list[float] = []
    dim = 0
    for one in found:
        if one is None:
            return None
        values.append(one[0])
        dim = one[1]
    return NumberTest(prefix, values[0], min(values[1:]), max(values[1:]), dim=dim)
