"""Dates in queries: prefix and precision."""

from __future__ import annotations

from kuska.fhir.domain.indexing.dates import Calendar
from kuska.fhir.domain.indexing.rows import MAX_TIME, MIN_TIME
from kuska.fhir.domain.search import problems
from kuska.fhir.domain.search.tree import DateTest, Prefix, Updated
from kuska.fhir.domain.search.values import prefixed


def span(name: str, text: str, calendar: Calendar) -> tuple[Prefix, int, int]:
    prefix, rest = prefixed(text)
    try:
        # A '+' of a zone that was not percent-encoded has become a blank.
        low, high = calendar.span(rest.replace(" ", "+"))
    except ValueError:
        raise problems.bad_value(name, text, "search.bad-date") from None
    return prefix, low, high


def date_test(name: str, text: str, now: int, calendar: Calendar) -> DateTest:
    prefix, low, high = span(name, text, calendar)
    if prefix == "ap":
        low, high = _approximate(low, high, now)
    return DateTest(prefix, low, high)


def _approximate(low: int, high: int, now: int) -> tuple[int, int]:
    """Ten percent of the distance to now on both sides, as R4 recommends."""
    margin = abs(now - (low + high) // 2) // 10
    return max(low - margin, MIN_TIME), min(high + margin, MAX_TIME)


def updated(name: str, text: str, now: int, calendar: Calendar) -> tuple[Updated, bool]:
    """The condition for `_lastUpdated`, and whether it is to be negated. A moment there has no width."""
    prefix, low, high = span(name, text, calendar)
    match prefix:
        case "gt" | "sa":
            return Updated(high, None), False
        case "ge":
            return Updated(low, None), False
        case "lt" | "eb":
            return Updated(None, low), False
        case "le":
            return Updated(None, high), False
        case "ap":
            return Updated(*_approximate(low, high, now)), False
        case _:
            return Updated(low, high), prefix == "ne"
