"""Formats of primitive values."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.validation.primitives import PRIMITIVES

# The same cases on every run, however loaded the machine is.
_repeatable = settings(derandomize=True, deadline=None)

pytestmark = pytest.mark.requirement("HC-01")


def problem(type_: str, value: Any) -> str | None:
    primitive = PRIMITIVES[type_]
    if value.__class__ is primitive.json and primitive.test(value):
        return None
    return primitive.problem(value)


GOOD = [
    ("boolean", True), ("integer", -2147483648), ("integer", 0), ("unsignedInt", 0), ("positiveInt", 1),
    ("decimal", 1), ("decimal", Decimal("1.00")), ("decimal", Decimal("-0.0")), ("decimal", Decimal("1E-5")),
    ("string", "a"), ("string", " a\n"), ("markdown", "# á"), ("code", "a b"), ("code", "á"), ("id", "A-1." + "x" * 60),
    ("uri", "relative/path"), ("uri", "urn:oid:1.2.3"), ("uri", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520"),
    ("uri", "urn:iso:std:iso:3166"), ("canonical", "http://x.example/y|1.0#z"), ("oid", "urn:oid:2.16.840"),
    ("uuid", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"), ("base64Binary", "AAA="), ("base64Binary", "AA A=\n"),
    ("date", "2024"), ("date", "2024-02"), ("date", "2024-02-29"), ("date", "2000-02-29"), ("date", "0001-01-01"),
    ("dateTime", "2024"), ("dateTime", "2024-12-31"), ("dateTime", "2024-02-29T23:59:60Z"),
    ("dateTime", "2024-01-01T00:00:00.123456789+14:00"), ("dateTime", "2024-01-01T00:00:00-00:00"),
    ("instant", "2024-02-29T00:00:00Z"), ("instant", "2015-02-07T13:28:17.239+02:00"), ("time", "23:59:59.999"),
]  # fmt: skip

BAD = [
    ("boolean", 1), ("boolean", "true"), ("boolean", None), ("integer", True), ("integer", 2147483648),
    ("integer", "1"), ("integer", Decimal("1.0")), ("unsignedInt", -1), ("positiveInt", 0), ("positiveInt", -1),
    ("decimal", "1.0"), ("decimal", True), ("decimal", 10**120), ("string", ""), ("string", "  "), ("string", 1),
    ("string", "x" * 1_048_577), ("code", " a"), ("code", "a "), ("code", "a  b"), ("code", "a\tb"), ("code", ""),
    ("id", "a_b"), ("id", "x" * 65), ("id", ""), ("id", "á"), ("uri", "a b"), ("uri", ""), ("uri", "urn:oid:1.02"),
    ("uri", "urn:oid:x"), ("uri", "urn:uuid:1"), ("url", "a\u00a0b"), ("oid", "1.2.3"), ("oid", "urn:oid:3.1"),
    ("uuid", "c757873d-ec9a-4326-a141-556f43239520"), ("uuid", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520"),
    ("base64Binary", "AAA"), ("base64Binary", "A=AA"), ("base64Binary", "á==="), ("base64Binary", ""), ("base64Binary", "AA-_"),
    ("date", "2023-02-29"), ("date", "1900-02-29"), ("date", "2024-02-30"), ("date", "2024-04-31"), ("date", "2024-13"),
    ("date", "2024-00-01"), ("date", "0000"), ("date", "24"), ("date", "2024-1-1"), ("date", "2024-01-01T00:00:00Z"),
    ("date", "2024-01-01 "), ("date", "2024-01-01\n"), ("date", "٢٠٢٤"),
    ("dateTime", "2024-01-01T00:00:00"), ("dateTime", "2024-01-01T00:00Z"), ("dateTime", "2024-01-01T24:00:00Z"),
    ("dateTime", "2024-01-01T00:00:00+14:30"), ("dateTime", "2023-02-29T00:00:00Z"), ("dateTime", "2024-01T00:00:00Z"),
    ("instant", "2024-01-01"), ("instant", "2024-01-01T00:00:00"), ("time", "24:00:00"), ("time", "12:00"), ("time", "T12:00:00"),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "value"), GOOD)
def test_good(type_: str, value: Any) -> None:
    assert problem(type_, value) is None


@pytest.mark.parametrize(("type_", "value"), BAD)
def test_bad(type_: str, value: Any) -> None:
    assert problem(type_, value) is not None


def test_every_primitive_type_is_known() -> None:
    primitives = {name for name, s in definitions().structures.items() if s.kind == "primitive"}
    assert primitives - {"xhtml"} == set(PRIMITIVES)


def test_helpful_reasons() -> None:
    assert problem("dateTime", "2024-01-01T10:00:00") == "no-time-zone"
    assert problem("date", "2023-02-29") == "no-such-day"
    assert problem("uri", "urn:oid:1.x") == "bad-oid"


@_repeatable
@given(st.dates())
def test_every_day_of_the_calendar(day: date) -> None:
    assert problem("date", day.isoformat()) is None
    assert problem("dateTime", f"{day.isoformat()}T12:00:00Z") is None
    assert problem("instant", f"{day.isoformat()}T12:00:00.5+05:30") is None


@_repeatable
@given(st.integers(1, 9999), st.integers(1, 12), st.integers(1, 31))
def test_no_day_outside_the_calendar(year: int, month: int, day: int) -> None:
    first_of_next = date(year + (month == 12), month % 12 + 1, 1) if year < 9999 else date(9999, 12, 31)
    exists = day <= (first_of_next - timedelta(days=1)).day if year < 9999 else day <= 28
    text = f"{year:04}-{month:02}-{day:02}"
    if exists:
        assert problem("date", text) is None
    elif year < 9999:
        assert problem("date", text) is not None
