"""Tests of one index row, as SQL over that row's columns.

`exact` is what a test means. `narrow` or `wide` together say the same, but each bounds a range of an index: a span is
found by its beginning, because all but a few are short (at most LONG); the few long ones have an index of their own
(date_long, quantity_wide, composite_wide), so that neither end has to be searched from the beginning of time.
"""

from __future__ import annotations

from collections.abc import Callable

from kuska.fhir.domain.search.tree import (
    CodeStarts,
    DateTest,
    NumberTest,
    PairTest,
    RefersTo,
    SecondTest,
    Test,
    TextContains,
    TextIs,
    TokenIs,
    WordStarts,
)
from kuska.fhir.store.search.binding import Binder

# 32 days: days, hours, stays in hospital and months are short; years and open periods are long. As in the index.
LONG = 2_764_800_000_000


def exact(test: Test, bind: Binder) -> str:
    match test:
        case TokenIs():
            return _token(test, bind, "code", "system")
        case CodeStarts():
            return _starts("code", test.text, bind)
        case WordStarts():
            return _starts("text", test.word, bind)
        case TextIs():
            return f"text = {bind.text(test.text)} and exact = {bind.big(test.exact)}"
        case TextContains():
            return f"exact is not null and text like {bind.text(_part(test.text))}"
        case DateTest():
            return _span(test, bind.big)
        case NumberTest():
            return _number(test, bind)
        case RefersTo(rids=(rid,)):
            return f"target = {bind.big(rid)}"
        case RefersTo():
            return f"target = any ({bind.bigs(test.rids)})"
        case PairTest():
            parts = [_token(test.first, bind, "code", "system"), _second(test.second, bind)]
            if test.third is not None:
                parts.append(_compare(test.third, bind, "clow", "chigh"))
            return " and ".join(parts)


def narrow(test: Test, bind: Binder) -> str:
    """`exact`, with the bounds of an index range that hold for short spans and plain values."""
    match test:
        case DateTest():
            return _bounds(test, bind) + exact(test, bind)
        case (NumberTest() as number) | PairTest(second=NumberTest() as number, third=None):
            bounds = _ceiling if number.dim is None else _floor
            return bounds(number, bind) + exact(test, bind)
        case _:
            return exact(test, bind)


def arms(test: Test, bind: Binder) -> list[str]:
    """`narrow` in parts that do not overlap, first the one that needs no look at the other end of the span.

    An open range is mostly answered by what begins in it: when that is enough, what only reaches into it is not read.
    """
    match test:
        case DateTest(prefix="gt"):
            inside, reaching = f"low >= {bind.big(test.high)}", f"low < {bind.big(test.high)}"
        case DateTest(prefix="ge"):
            inside, reaching = f"low >= {bind.big(test.low)}", f"low < {bind.big(test.low)}"
        case _:
            return [narrow(test, bind)]
    return [inside, f"{reaching} and {narrow(test, bind)}"]


def wide(test: Test) -> str | None:
    """The rows that `narrow` may miss: those of an index of their own."""
    match test:
        case DateTest(prefix="gt" | "ge" | "ap"):
            return f"high - low > {LONG}"
        case (
            NumberTest(prefix="gt" | "ge" | "ap", dim=int())
            | PairTest(second=NumberTest(prefix="gt" | "ge" | "ap", dim=int()), third=None)
        ):
            return "clow < chigh"
        case (
            NumberTest(prefix="lt" | "le" | "ap", dim=None)
            | PairTest(second=NumberTest(prefix="lt" | "le" | "ap", dim=None), third=None)
        ):
            return "clow < chigh"
        case _:
            return None


def has_trigrams(test: Test) -> bool:
    """Only of three letters and more does the index of parts (string_part) know anything."""
    return isinstance(test, TextContains) and len(test.text) >= 3


def _part(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _token(test: TokenIs, bind: Binder, code: str, system: str) -> str:
    parts: list[str] = []
    if test.code is not None:
        parts.append(f"{code} = {bind.text(test.code)}")
    if test.system is not None:
        parts.append(f"{system} = {bind.int(test.system)}")
    return " and ".join(parts) or "true"


def _starts(column: str, text: str, bind: Binder) -> str:
    """A range, not `like`: it uses the index whatever the plan knows of the text."""
    after = _after(text)
    low = f"{column} >= {bind.text(text)}"
    return low if after is None else f"{low} and {column} < {bind.text(after)}"


def _after(text: str) -> str | None:
    """The first text in the order of code points that does not begin with this one."""
    for place in range(len(text) - 1, -1, -1):
        point = ord(text[place]) + 1
        if point == 0xD800:  # surrogates are no characters
            point = 0xE000
        if point < 0x110000:
            return text[:place] + chr(point)
    return None


# --- dates -----------------------------------------------------------------------------------------------------------


# `ge` and `le` take in all that has a part in the asked span. To the letter, R4's table wants it contained there or
# reaching beyond, which would leave a stay from 1 to 5 June out of `le2020-06-01`; other servers read it as is done here.
def _span(test: DateTest, bind: Callable[[int], str]) -> str:
    match test.prefix:
        case "eq":
            high = bind(test.high)
            return f"low >= {bind(test.low)} and low < {high} and high <= {high}"
        case "ne":
            return f"(low < {bind(test.low)} or high > {bind(test.high)})"
        case "gt":
            return f"high > {bind(test.high)}"
        case "lt":
            return f"low < {bind(test.low)}"
        case "ge":
            return f"high > {bind(test.low)}"
        case "le":
            return f"low < {bind(test.high)}"
        case "sa":
            return f"low >= {bind(test.high)}"
        case "eb":
            return f"high <= {bind(test.low)}"
        case "ap":
            return f"low < {bind(test.high)} and high > {bind(test.low)}"


def _bounds(test: DateTest, bind: Binder) -> str:
    match test.prefix:
        case "eb":
            return f"low < {bind.big(test.low)} and "
        case "gt":
            return f"low >= {bind.big(test.high - LONG)} and "
        case "ge" | "ap":
            return f"low >= {bind.big(test.low - LONG)} and "
        case _:
            return ""


# --- numbers, quantities ---------------------------------------------------------------------------------------------


def _number(test: NumberTest, bind: Binder) -> str:
    columns = ("low", "high") if test.dim is None else ("clow", "chigh")
    parts = [_compare(test, bind, *columns)]
    if test.dim is not None:
        parts.append(f"dim = {bind.int(test.dim)}")
    if test.unit is not None:
        parts.append(f"unit = {bind.int(test.unit)}")
    if test.code is not None:
        parts.append(f"code = {bind.int(test.code)}")
    return " and ".join(parts)


def _compare(test: NumberTest, bind: Binder, low: str, high: str) -> str:
    match test.prefix:
        case "eq":
            asked = bind.float(test.high)
            return f"{low} >= {bind.float(test.low)} and {low} < {asked} and {high} <= {asked}"
        case "ne":
            asked = bind.float(test.high)
            return f"({low} < {bind.float(test.low)} or {low} >= {asked} or {high} > {asked})"
        case "gt":
            return f"{high} > {bind.float(test.value)}"
        case "lt":
            return f"{low} < {bind.float(test.value)}"
        case "ge":
            return f"{high} >= {bind.float(test.value)}"
        case "le":
            return f"{low} <= {bind.float(test.value)}"
        case "sa":
            return f"{low} > {bind.float(test.value)}"
        case "eb":
            return f"{high} < {bind.float(test.value)}"
        case "ap":
            return f"{low} <= {bind.float(test.high)} and {high} >= {bind.float(test.low)}"


def _floor(test: NumberTest, bind: Binder) -> str:
    match test.prefix:
        case "gt" | "ge":
            return f"clow >= {bind.float(test.value)} and "
        case "ap":
            return f"clow >= {bind.float(test.low)} and "
        case "eb":
            return f"clow < {bind.float(test.value)} and "
        case _:
            return ""


def _ceiling(test: NumberTest, bind: Binder) -> str:
    """As written: the indexes composite_raw and quantity_raw are in order of `high`."""
    match test.prefix:
        case "eq":
            return f"high >= {bind.float(test.low)} and high <= {bind.float(test.high)} and "
        case "lt":
            return f"high < {bind.float(test.value)} and "
        case "le":
            return f"high <= {bind.float(test.value)} and "
        case "sa":
            return f"high > {bind.float(test.value)} and "
        case "ap":
            return f"high >= {bind.float(test.low)} and high <= {bind.float(test.high)} and "
        case _:
            return ""


# --- composites ------------------------------------------------------------------------------------------------------


def _second(test: SecondTest, bind: Binder) -> str:
    match test:
        case TokenIs():
            return _token(test, bind, "code2", "system2")
        case WordStarts():
            return _starts("code2", test.word, bind)
        case DateTest():
            return _span(test, bind.float)
        case NumberTest(dim=None) if test.code is None:
            return _compare(test, bind, "low", "high")
        case NumberTest():
            return _pair_number(test, bind)


def _pair_number(test: NumberTest, bind: Binder) -> str:
    """The hash of the code alone stands where a coded value has its system."""
    parts = ["code2 is null", f"dim = {bind.int(test.dim or 0)}", _compare(test, bind, "clow", "chigh")]
    if test.unit is not None:
        parts.append(f"unit = {bind.int(test.unit)}")
    if test.code is not None:
        parts.append(f"system2 = {bind.int(test.code)}")
    return " and ".join(parts)
