"""Dates and times as spans: [low, high) in microseconds since 1970, UTC.

A date says as much as it has digits: 2024 is the whole year, 2024-05-06T10:30Z a minute, ...:00.5Z a tenth of a
second. A date, or a time without a zone, is one of the record's zone (a setting), in resources and in queries alike:
what happened at 22:00 in Lima is found on its day in Lima. Invariants: whatever the clocks do that night, days follow
each other without gap or overlap, so equal dates have equal spans; all spans of one database come from one zone.
See https://hl7.org/fhir/R4/search.html#date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from kuska.fhir.domain.indexing.rows import MAX_TIME, MIN_TIME

_PATTERN = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_EPOCH = date(1970, 1, 1).toordinal()
_LAST_DAY = date.max.toordinal()
_DAY = 86_400_000_000
_MINUTE = 60_000_000
_SECOND = 1_000_000
_MICROSECOND = timedelta(microseconds=1)
_SPANS = 16384  # kept per record: the same few instants come many times in a bundle
_DAYS = 65536  # midnights kept: 180 years of birthdays

Span = tuple[int, int]


class Calendar:
    """Dates as this zone has them ('America/Lima').

    Raises:
        ValueError: there is no such zone.
    """

    def __init__(self, zone: str) -> None:
        try:
            # UTC needs no look at a table; it is also what the rows of databases from before the setting are in.
            self._zone = None if zone == "UTC" else ZoneInfo(zone)
        except (OSError, LookupError, ValueError) as error:  # no such key, a folder, a path that leaves the tables
            raise ValueError(zone) from error
        self.zone = zone
        self.span = lru_cache(_SPANS)(self._span)
        self._midnight = lru_cache(_DAYS)(self._start_of)
        # Type of element -> its span; None when there is nothing to find it by.
        self.readers: Mapping[str, Callable[[Any], Span | None]] = {
            "date": self.moment,
            "dateTime": self.moment,
            "instant": self.moment,
            "Period": self.period,
            "Timing": self.timing,
        }

    def _span(self, text: str) -> Span:
        """Of a date, dateTime, instant, or a date in a query (which may leave out seconds and zone).

        Raises:
            ValueError: the text is no date, or one that does not exist (February 30th).
        """
        found = _PATTERN.fullmatch(text)
        if found is None:
            raise ValueError(text)
        year, month, day, hour, minute, second, fraction, zone = found.groups()
        if day is None:
            first, after = _year_or_month(int(year), month)
            return self._midnight(first), self._midnight(after)
        ordinal = date(int(year), int(month), int(day)).toordinal()
        if hour is None:
            return self._midnight(ordinal), self._midnight(ordinal + 1)
        since_midnight, width = _clock((hour, minute, second), fraction)
        local = (ordinal - _EPOCH) * _DAY + since_midnight
        if zone is None:
            low, last = self._instants(ordinal, local)
        else:
            low = last = local - _offset(zone)
        return min(max(low, MIN_TIME), MAX_TIME - 1), min(max(last + width, MIN_TIME + 1), MAX_TIME)

    def _start_of(self, ordinal: int) -> int:
        """The first moment of a day. Where clocks jump over midnight (Chile, in spring), the jump is that moment."""
        if ordinal > _LAST_DAY:
            return MAX_TIME
        local = (ordinal - _EPOCH) * _DAY
        return min(max(self._instants(ordinal, local)[0], MIN_TIME), MAX_TIME - 1)

    def _instants(self, ordinal: int, local: int) -> Span:
        """First and last moment at which the clocks show this: two when they are set back, else the same."""
        if self._zone is None:
            return local, local
        clock = datetime.fromordinal(ordinal) + timedelta(microseconds=local - (ordinal - _EPOCH) * _DAY)
        first = local - _micros(clock.replace(tzinfo=self._zone).utcoffset())
        last = local - _micros(clock.replace(tzinfo=self._zone, fold=1).utcoffset())
        return first, max(first, last)

    # --- elements of resources ---------------------------------------------------------------------------------------

    def moment(self, value: Any) -> Span | None:
        """date, dateTime, instant."""
        if not isinstance(value, str):
            return None
        try:
            return self.span(value)
        except ValueError:
            return None

    def period(self, value: dict[str, Any]) -> Span | None:
        """From the first moment of the start to the last of the end; a missing one leaves that side open."""
        start, end = self.moment(value.get("start")), self.moment(value.get("end"))
        if start is None and end is None:
            return None
        low = MIN_TIME if start is None else start[0]
        high = MAX_TIME if end is None else end[1]
        return (low, high) if low < high else (low, MAX_TIME)

    def timing(self, value: dict[str, Any]) -> Span | None:
        """The outer limits of a schedule: its events and its bounds. What happens in between does not matter."""
        spans = [self.moment(event) for event in value.get("event") or ()]
        spans.append(self.period((value.get("repeat") or {}).get("boundsPeriod") or {}))
        known = [span for span in spans if span is not None]
        return (min(low for low, _ in known), max(high for _, high in known)) if known else None


UTC = Calendar("UTC")


def _year_or_month(year: int, month: str | None) -> tuple[int, int]:
    """Its first day, and the first day after it."""
    first = date(year, int(month or 1), 1).toordinal()
    if month is None or month == "12":
        return first, date(year, 12, 31).toordinal() + 1  # the year after 9999 is none of Python's
    return first, date(year, int(month) + 1, 1).toordinal()


def _clock(clock: tuple[str, str, str | None], fraction: str | None) -> tuple[int, int]:
    """Microseconds since midnight, and how many of them the time names."""
    hour, minute, second = int(clock[0]), int(clock[1]), int(clock[2] or 0)
    if hour > 23 or minute > 59 or second > 60:  # 60: a leap second is the next minute's first
        raise ValueError(clock)
    low = (hour * 60 + minute) * _MINUTE + second * _SECOND
    if clock[2] is None:
        return low, _MINUTE
    if fraction is None:
        return low, _SECOND
    digits = fraction[:6]
    width = 10 ** (6 - len(digits))
    return low + int(digits) * width, width


def _offset(zone: str) -> int:
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError(zone)
    span = (hours * 60 + minutes) * _MINUTE
    return -span if zone[0] == "-" else span


def _micros(offset: timedelta | None) -> int:
    return 0 if offset is None else offset // _MICROSECOND
