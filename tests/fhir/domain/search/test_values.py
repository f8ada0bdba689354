from __future__ import annotations

from decimal import Decimal

import pytest

from kuska.fhir.domain.search.values import approximate, number, plain, prefixed, split

pytestmark = pytest.mark.requirement("HC-01")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b", ["a", "b"]),
        (r"a\,b,c", [r"a\,b", "c"]),
        (r"a\\,b", [r"a\\", "b"]),
        (r"a\\\,b", [r"a\\\,b"]),
        ("", [""]),
        (",", ["", ""]),
        ("a\\", ["a\\"]),
    ],
)
def test_splits_at_what_is_not_escaped(text: str, parts: list[str]) -> None:
    assert split(text, ",") == parts


def test_escapes_are_taken_off_last() -> None:
    assert plain(r"a\,b\|c\$d\\e") == r"a,b|c$d\e"
    assert plain(r"a\n") == r"a\n"


def test_prefixes() -> None:
    assert prefixed("ge2024") == ("ge", "2024")
    assert prefixed("2024") == ("eq", "2024")


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("100", "99.5", "100.5"),
        ("100.00", "99.995", "100.005"),
        ("5.40", "5.395", "5.405"),
        ("1e2", "95", "105"),
        ("1.0e2", "99.5", "100.5"),
        ("1.5e1", "14.5", "15.5"),
        ("12e3", "11950", "12050"),
        ("-2.5", "-2.55", "-2.45"),
        ("5.40e-3", "0.005395", "0.005405"),
    ],
)
def test_digits_say_the_precision(text: str, low: str, high: str) -> None:
    found = number(text)
    assert found is not None
    assert (found.low, found.high) == (Decimal(low), Decimal(high))


@pytest.mark.parametrize("text", ["", "a", "1,2", "NaN", "Infinity", "1e9999", "--1", "0x10", "1 2", "١"])
def test_what_is_no_number(text: str) -> None:
    assert number(text) is None


def test_approximately_is_a_tenth() -> None:
    found = number("100")
    assert found is not None
    assert (approximate(found).low, approximate(found).high) == (90, 110)
