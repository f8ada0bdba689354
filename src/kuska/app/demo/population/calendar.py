"""Days and times as text. Days are proleptic ordinals (ints): cheap to count with, formatted once each."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=65536)
def day_text(day: int) -> str:
    return date.fromordinal(day).isoformat()


@lru_cache(maxsize=32768)
def _offset(day: int, zone: str) -> str:
    # Visits are between 7:00 and 21:00, and no zone here changes its clock then: the offset at noon holds.
    at = date.fromordinal(day)
    shift = datetime(at.year, at.month, at.day, 12, tzinfo=ZoneInfo(zone)).utcoffset()
    minutes = 0 if shift is None else int(shift.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def instant(day: int, minute: int, zone: str) -> str:
    """FHIR dateTime of a minute of a day at a place."""
    return f"{day_text(day)}T{minute // 60:02d}:{minute % 60:02d}:00{_offset(day, zone)}"
