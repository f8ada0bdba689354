"""Values of search parameters: escapes, lists, prefixes, and what the digits of a number say about its precision.

See https://hl7.org/fhir/R4/search.html#escaping and #prefix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import cast

from kuska.fhir.domain.search.tree import Prefix

PREFIXES = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_ESCAPED = re.compile(r"\\([\\,$|])")


def split(text: str, separator: str) -> list[str]:
    """At unescaped separators. The escapes stay, so that the parts can be split further."""
    if "\\" not in text:
        return text.split(separator)
    parts, start, place = [""], 0, 0
    while place < len(text):
        if text[place] == "\\":
            place += 2
            continue
        if text[place] == separator:
            parts[-1] = text[start:place]
            parts.append("")
            start = place + 1
        place += 1
    parts[-1] = text[start:]
    return parts


def plain(text: str) -> str:
    """Without the escapes."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def prefixed(text: str) -> tuple[Prefix, str]:
    """('ge', '2024') of 'ge2024'; eq when there is no prefix."""
    head = text[:2]
    return (cast("Prefix", head), text[2:]) if head in PREFIXES else ("eq", text)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as asked for: its value, and the interval its digits stand for: 5.40 is [5.395, 5.405).

    https://hl7.org/fhir/R4/search.html#number has 1e2 as [95, 105), not as [50, 150): where an exponent stands for
    digits before the point, one more counts than is written.
    """

    value: Decimal
    low: Decimal
    high: Decimal


def number(text: str) -> Number | None:
    """None when the text is not a number."""
    if _NUMBER.fullmatch(text) is None:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:  # pragma: no cover - the pattern lets only numbers pass
        return None
    exponent = int(value.as_tuple().exponent)
    half = Decimal(5).scaleb(exponent - (2 if exponent > 0 else 1))
    return Number(value, value - half, value + half)


def approximate(asked: Number) -> Number:
    """The interval for `ap`: ten percent to both sides, never narrower than the digits say."""
    tenth = abs(asked.value) / 10
    return Number(asked.value, min(asked.low, asked.value - tenth), max(asked.high, asked.value + tenth))
