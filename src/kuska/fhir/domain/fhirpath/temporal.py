"""Dates, date-times and times with the precision they were written in. https://hl7.org/fhirpath/N1/#time-valued-quantities

Invariants: a value has as many parts as were given (year, month, day, hour, minute, second; a time starts at the hour),
the parts exist in the calendar, seconds keep their decimals. Seconds and milliseconds are one precision.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum


class Moment(StrEnum):
    """The three kinds, by the names of their System types."""

    DATE = "Date"
    DATETIME = "DateTime"
    TIME = "Time"


@dataclass(frozen=True, slots=True)
class Temporal:
    kind: Moment
    parts: tuple[int, ...]  # without the seconds
    second: Decimal | None = None
    offset: int | None = None  # minutes east of UTC; None = no zone was given

    @property
    def precision(self) -> int:
        return len(self.parts) + (self.second is not None)

    def __str__(self) -> str:
        if self.kind is Moment.TIME:
            return _clock(self.parts, self.second)
        text = "-".join(f"{part:0{4 if place == 0 else 2}}" for place, part in enumerate(self.parts[:3]))
        if len(self.parts) > 3:
            text += "T" + _clock(self.parts[3:], self.second)
        return text + _zone(self.offset)

    @property
    def literal(self) -> str:
        text = str(self)
        if self.kind is Moment.TIME:
            return f"@T{text}{_zone(self.offset)}"
        return f"@{text}T" if self.kind is Moment.DATETIME and len(self.parts) <= 3 else f"@{text}"


def _clock(parts: tuple[int, ...], second: Decimal | None) -> str:
    text = ":".join(f"{part:02}" for part in parts)
    if second is None:
        return text
    whole, dot, rest = f"{second:f}".partition(".")
    return f"{text}:{whole:0>2}{dot}{rest}"


def _zone(offset: int | None) -> str:
    if offset is None:
        return ""
    if offset == 0:
        return "Z"
    hours, minutes = divmod(abs(offset), 60)
    return f"{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}"


_DATE = r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?"
_CLOCK = r"(\d{2})(?::(\d{2})(?::(\d{2}(?:\.\d{1,20})?))?)?"
_ZONED = r"(Z|[+-]\d{2}:\d{2})?"
_A_DATE = re.compile(_DATE, re.ASCII)
_A_DATETIME = re.compile(rf"{_DATE}(?:T(?:{_CLOCK}{_ZONED})?)?", re.ASCII)
_A_TIME = re.compile(rf"{_CLOCK}{_ZONED}", re.ASCII)


def read_date(text: str) -> Temporal | None:
    found = _A_DATE.fullmatch(text)
    return _checked(Moment.DATE, found.groups(), None, None) if found else None


def read_datetime(text: str) -> Temporal | None:
    found = _A_DATETIME.fullmatch(text)
    if not found:
        return None
    *parts, second, zone = found.groups()
    if (parts[2] is None and parts[3] is not None) or (zone is not None and parts[3] is None):
        return None
    return _checked(Moment.DATETIME, parts, second, zone)


def read_time(text: str) -> Temporal | None:
    found = _A_TIME.fullmatch(text)
    if not found:
        return None
    *parts, second, zone = found.groups()
    return _checked(Moment.TIME, parts, second, zone)


def _checked(
    kind: Moment, texts: tuple[str | None, ...] | list[str | None], second: str | None, zone: str | None
) -> Temporal | None:
    parts = tuple(int(part) for part in texts if part is not None)
    seconds = None if second is None else Decimal(second)
    offset = _offset(zone)
    clock = parts if kind is Moment.TIME else parts[3:]
    if offset is not None and abs(offset) > 14 * 60:
        return None
    if (clock and clock[0] > 23) or (len(clock) > 1 and clock[1] > 59) or (seconds is not None and seconds >= 60):
        return None
    if kind is not Moment.TIME and not _in_calendar(parts[:3]):
        return None
    return Temporal(kind, parts, seconds, offset)


def _in_calendar(parts: tuple[int, ...]) -> bool:
    year, month, day = (*parts, 1, 1)[:3]
    return 1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= days_in(year, month)


def days_in(year: int, month: int) -> int:
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return 29 if leap else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _offset(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def compare(one: Temporal, other: Temporal) -> int | None:
    """-1, 0, 1; None where the precisions, or a missing zone, leave it open. Times compare with times only."""
    if (one.offset is None) != (other.offset is None) and one.precision > 3 and other.precision > 3:
        # Only one of them says its zone: certain when they are further apart than zones can be.
        return _apart(one, other)
    if one.offset is not None and other.offset is not None:
        one, other = _in_utc(one), _in_utc(other)
    for mine, its in zip(_all(one), _all(other), strict=False):
        if mine != its:
            return -1 if mine < its else 1
    return 0 if one.precision == other.precision else None


def _all(value: Temporal) -> tuple[int | Decimal, ...]:
    return value.parts if value.second is None else (*value.parts, value.second)


def _apart(one: Temporal, other: Temporal) -> int | None:
    first, second = _instant(one), _instant(other)
    if first is None or second is None:
        return None
    distance = first - second
    if abs(distance) <= timedelta(hours=26):
        return None
    return -1 if distance < timedelta(0) else 1


def _instant(value: Temporal) -> datetime | None:
    year, month, day, hour, minute = (*value.parts, 0, 0)[:5]
    try:
        moment = datetime(year, month, day, hour, minute, tzinfo=UTC) - timedelta(minutes=value.offset or 0)
        return moment + timedelta(seconds=float(value.second or 0))
    except OverflowError:
        return None


def _in_utc(value: Temporal) -> Temporal:
    if not value.offset or len(value.parts) < 4:
        return value
    year, month, day, hour, minute = (*value.parts, 0)[:5]
    try:
        moment = datetime(year, month, day, hour, minute, tzinfo=UTC) - timedelta(minutes=value.offset)
    except OverflowError:
        return value
    parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute)[: len(value.parts)]
    return Temporal(value.kind, parts, value.second, 0)


def now() -> Temporal:
    moment = datetime.now(UTC)
    parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute)
    second = Decimal(moment.second) + Decimal(moment.microsecond // 1000).scaleb(-3)
    return Temporal(Moment.DATETIME, parts, second, 0)
