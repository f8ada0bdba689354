from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.fhir.domain.indexing.dates import UTC as IN_UTC
from kuska.fhir.domain.indexing.dates import Calendar
from kuska.fhir.domain.indexing.rows import MAX_TIME, MIN_TIME

LIMA, SANTIAGO = Calendar("America/Lima"), Calendar("America/Santiago")
ZONES = ["America/Lima", "America/Santiago", "America/Havana", "Pacific/Apia"]
CALENDARS = {zone: Calendar(zone) for zone in ZONES}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def at(*numbers: int) -> int:
    return micros(datetime(*numbers, tzinfo=UTC))  # type: ignore[misc]


@pytest.mark.requirement("HC-01")
@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024", at(2024, 1, 1), at(2025, 1, 1)),
        ("2024-02", at(2024, 2, 1), at(2024, 3, 1)),
        ("2024-12", at(2024, 12, 1), at(2025, 1, 1)),
        ("2024-02-29", at(2024, 2, 29), at(2024, 3, 1)),
        ("2024-02-29T10:30Z", at(2024, 2, 29, 10, 30), at(2024, 2, 29, 10, 31)),
        ("2024-02-29T10:30", at(2024, 2, 29, 10, 30), at(2024, 2, 29, 10, 31)),
        ("2024-02-29T22:30:15-05:00", at(2024, 3, 1, 3, 30, 15), at(2024, 3, 1, 3, 30, 16)),
        ("2024-02-29T01:00:00.5+05:30", at(2024, 2, 28, 19, 30, 0, 500000), at(2024, 2, 28, 19, 30, 0, 600000)),
        ("2024-02-29T01:00:00.123Z", at(2024, 2, 29, 1, 0, 0, 123000), at(2024, 2, 29, 1, 0, 0, 124000)),
        ("2024-02-29T01:00:00.123456789Z", at(2024, 2, 29, 1, 0, 0, 123456), at(2024, 2, 29, 1, 0, 0, 123457)),
        ("2016-12-31T23:59:60Z", at(2017, 1, 1), at(2017, 1, 1, 0, 0, 1)),
        ("0001", MIN_TIME, at(2, 1, 1)),
        ("9999-12-31", at(9999, 12, 31), MAX_TIME),
        ("9999", at(9999, 1, 1), MAX_TIME),
        ("0001-01-01T00:00:00+14:00", MIN_TIME, MIN_TIME + 1),
        ("9999-12-31T23:59:59-14:00", MAX_TIME - 1, MAX_TIME),
    ],
)
def test_spans(text: str, low: int, high: int) -> None:
    assert IN_UTC.span(text) == (low, high)


@pytest.mark.parametrize(
    "text",
    ["", "24", "2024-13", "2024-00", "2023-02-29", "2024-1-1", "2024-01-01T10", "2024-01-01T24:00:00Z", "0000",
     "2024-01-01T10:60:00Z", "2024-01-01T10:00:61Z", "2024-01-01T10:00:00+15:00", "2024Z", "2024-01-01 10:00", "٢٠٢٤"],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError):
        IN_UTC.span(text)
    assert IN_UTC.moment(text) is None


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-14 * 60, 14 * 60))
def test_a_moment_is_in_all_its_spans(moment: datetime, minutes: int) -> None:
    exact = micros(moment)
    for text in (
        f"{moment:%Y}".zfill(4),
        f"{moment.date().isoformat()}"[:7],
        moment.date().isoformat(),
        moment.isoformat(timespec="minutes"),
        moment.isoformat(timespec="seconds"),
        moment.isoformat(timespec="milliseconds"),
        moment.isoformat(timespec="microseconds"),
    ):
        low, high = IN_UTC.span(text)
        assert low <= exact < high
    try:
        local = moment + timedelta(minutes=minutes)
    except OverflowError:
        return
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    text = local.replace(tzinfo=None).isoformat(timespec="microseconds") + zone
    assert IN_UTC.span(text) == (exact, exact + 1)


@given(st.dates())
def test_days_months_and_years_nest(day: date) -> None:
    text = day.isoformat()
    year, month, exact = IN_UTC.span(text[:4]), IN_UTC.span(text[:7]), IN_UTC.span(text)
    assert year[0] <= month[0] <= exact[0] < exact[1] <= month[1] <= year[1]


def test_periods() -> None:
    assert IN_UTC.period({"start": "2024", "end": "2024-06"}) == (at(2024, 1, 1), at(2024, 7, 1))
    assert IN_UTC.period({"start": "2024"}) == (at(2024, 1, 1), MAX_TIME)
    assert IN_UTC.period({"end": "2024-06-30"}) == (MIN_TIME, at(2024, 7, 1))
    assert IN_UTC.period({}) is None
    assert IN_UTC.period({"start": "2024", "end": "2020"}) == (at(2024, 1, 1), MAX_TIME)


def test_timings() -> None:
    assert IN_UTC.timing({"event": ["2024-01-05", "2024-01-02"]}) == (at(2024, 1, 2), at(2024, 1, 6))
    bounds = {"repeat": {"boundsPeriod": {"start": "2024-01-03", "end": "2024-02"}}, "event": ["2024-01-01"]}
    assert IN_UTC.timing(bounds) == (at(2024, 1, 1), at(2024, 3, 1))
    assert IN_UTC.timing({"repeat": {"frequency": 2}}) is None


# --- dates of a place ------------------------------------------------------------------------------------------------


@pytest.mark.requirement("HC-01")
@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024-05-31", at(2024, 5, 31, 5), at(2024, 6, 1, 5)),
        ("2024-05", at(2024, 5, 1, 5), at(2024, 6, 1, 5)),
        ("2024", at(2024, 1, 1, 5), at(2025, 1, 1, 5)),
        ("2024-05-31T22:00", at(2024, 6, 1, 3), at(2024, 6, 1, 3, 1)),
        ("2024-05-31T22:00:00.5", at(2024, 6, 1, 3, 0, 0, 500000), at(2024, 6, 1, 3, 0, 0, 600000)),
        ("2024-05-31T22:00:00-05:00", at(2024, 6, 1, 3), at(2024, 6, 1, 3, 0, 1)),
        ("2024-05-31T22:00:00Z", at(2024, 5, 31, 22), at(2024, 5, 31, 22, 0, 1)),
        ("1987-01-15", at(1987, 1, 15, 4), at(1987, 1, 16, 4)),  # Peru had summer time then
        ("9999-12-31", at(9999, 12, 31, 5), MAX_TIME),
    ],
)
def test_a_day_in_lima(text: str, low: int, high: int) -> None:
    assert LIMA.span(text) == (low, high)


@pytest.mark.requirement("HC-01")
@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024-01-15", at(2024, 1, 15, 3), at(2024, 1, 16, 3)),
        ("2024-07-15", at(2024, 7, 15, 4), at(2024, 7, 16, 4)),
        # Clocks go from 24:00 back to 23:00: a day of 25 hours, in which 23:30 comes twice.
        ("2024-04-06", at(2024, 4, 6, 3), at(2024, 4, 7, 4)),
        ("2024-04-07", at(2024, 4, 7, 4), at(2024, 4, 8, 4)),
        ("2024-04-06T22:59", at(2024, 4, 7, 1, 59), at(2024, 4, 7, 2)),
        ("2024-04-06T23:30", at(2024, 4, 7, 2, 30), at(2024, 4, 7, 3, 31)),
        ("2024-04-06T23:30:00-03:00", at(2024, 4, 7, 2, 30), at(2024, 4, 7, 2, 30, 1)),
        # From 24:00 on to 01:00: a day of 23 hours that begins at 01:00; 00:30 is the clock nobody has set on yet.
        ("2024-09-07", at(2024, 9, 7, 4), at(2024, 9, 8, 4)),
        ("2024-09-08", at(2024, 9, 8, 4), at(2024, 9, 9, 3)),
        ("2024-09-08T00:30", at(2024, 9, 8, 4, 30), at(2024, 9, 8, 4, 31)),
        ("2024-09-08T01:00", at(2024, 9, 8, 4), at(2024, 9, 8, 4, 1)),
        ("2024-09", at(2024, 9, 1, 4), at(2024, 10, 1, 3)),
        ("2044-07-15", at(2044, 7, 15, 4), at(2044, 7, 16, 4)),  # after the last change that is written out
    ],
)
def test_a_day_in_santiago(text: str, low: int, high: int) -> None:
    assert SANTIAGO.span(text) == (low, high)


@pytest.mark.requirement("HC-01")
@given(st.sampled_from(ZONES), st.dates())
def test_days_follow_each_other_in_every_zone(zone: str, day: date) -> None:
    calendar = CALENDARS[zone]
    low, high = calendar.span(day.isoformat())
    assert MIN_TIME <= low <= high <= MAX_TIME
    if day < date.max:
        assert calendar.span((day + timedelta(days=1)).isoformat())[0] == high
    month, year = calendar.span(day.isoformat()[:7]), calendar.span(day.isoformat()[:4])
    assert year[0] <= month[0] <= low
    assert high <= month[1] <= year[1]


@given(st.sampled_from(ZONES), st.datetimes())
def test_a_moment_is_in_its_local_day_and_minute(zone: str, moment: datetime) -> None:
    """As the standard library tells the local time of a moment, which is the other direction."""
    if not 2 <= moment.year <= 9998:
        return
    exact = moment.replace(tzinfo=UTC)
    local = exact.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    calendar = CALENDARS[zone]
    for text in (local.date().isoformat(), local.isoformat(timespec="minutes"), local.isoformat(timespec="seconds")):
        low, high = calendar.span(text)
        assert low <= micros(exact) < high


def test_elements_of_a_place() -> None:
    assert LIMA.period({"start": "2024-05-31", "end": "2024-05-31"}) == LIMA.span("2024-05-31")
    assert LIMA.timing({"event": ["2024-05-31"]}) == LIMA.span("2024-05-31")
    assert {LIMA.readers[type_]("2024-05-31") for type_ in ("date", "dateTime")} == {LIMA.span("2024-05-31")}


@pytest.mark.parametrize("zone", ["", "Lima", "America", "../etc/passwd", "/etc/localtime", "GMT+25", "a\0b"])
def test_what_is_no_zone(zone: str) -> None:
    with pytest.raises(ValueError):
        Calendar(zone)
