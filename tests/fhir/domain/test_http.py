"""Headers in FHIR's terms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.fhir.domain.http import ANY_VERSION, Prefer, http_date, none_match, parse_http_date, parse_if_match, prefer
from kuska.kit.errors import IncorrectError


@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)), st.integers(-12, 12))  # noqa: DTZ001
def test_http_date_is_that_of_the_standard_library(moment: datetime, hours: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert http_date(aware) == format_datetime(aware.astimezone(UTC), usegmt=True)
    assert parse_http_date(http_date(aware)) == aware.astimezone(UTC).replace(microsecond=0)


def test_unreadable_dates_are_no_condition() -> None:
    assert parse_http_date("yesterday") is None
    assert parse_http_date("") is None
    assert parse_http_date("Wed, 2 Oct 15 07:2222222222222222 GMT") is None  # found by the fuzzer


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('W/"3"', 3),
        ('"3"', 3),
        ("3", 3),
        (' W/"12" ', 12),
        ('W/"abc"', -1),
        ('""', -1),
        ('W/"0"', -1),
        ("*", ANY_VERSION),
        ('"٣"', -1),
        ('W/"99999999999"', -1),
    ],
)
def test_if_match(text: str, version: int) -> None:
    assert parse_if_match(text) == version


@pytest.mark.parametrize("text", ['W/"1", W/"2"', "W/3'", '"'])
def test_if_match_that_names_no_single_version(text: str) -> None:
    with pytest.raises(IncorrectError):
        parse_if_match(text)


@pytest.mark.parametrize(
    ("text", "seen"), [('W/"3"', True), ('W/"1", "3"', True), ("*", True), ('W/"33"', False), ("", False)]
)
def test_none_match(text: str, seen: bool) -> None:
    assert none_match(text, 3) is seen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Prefer()),
        ("return=minimal", Prefer("minimal", returns_asked=True)),
        ("return=OperationOutcome; handling=lenient", Prefer("OperationOutcome", returns_asked=True, lenient=True)),
        ("handling=strict, return=nonsense", Prefer()),
        ("respond-async", Prefer()),
    ],
)
def test_prefer(text: str | None, expected: Prefer) -> None:
    assert prefer(text) == expected
