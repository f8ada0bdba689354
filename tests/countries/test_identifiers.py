"""Check digits against known numbers, and every way people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.countries.registry import codes, documents_like, documents_meant, pack, packs

DNI = pack("PE").document("dni")
CE = pack("PE").document("ce")
RUN = pack("CL").document("run")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10117410-2", "10117410"),
        ("10117410 2", "10117410"),
        ("101174102", "10117410"),
        (" 10117410 ", "10117410"),
        ("10117410-G", "10117410"),
        ("10117410-g", "10117410"),
        ("00000000", "00000000"),
    ],
)
def test_dni_is_accepted_with_and_without_its_check_character(text: str, value: str) -> None:
    assert DNI.normalise(text) == value


@pytest.mark.parametrize("text", ["10117410-3", "10117410-A", "1011741", "1011741O", "", "10117410-22", "10.117.410"])
def test_dni_with_a_wrong_check_character_or_shape_is_refused(text: str) -> None:
    assert DNI.normalise(text) is None


def test_dni_is_presented_with_its_digit() -> None:
    assert DNI.present("10117410") == "10117410-2"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12.531.909-2", "12531909-2"),
        ("12531909-2", "12531909-2"),
        ("125319092", "12531909-2"),
        ("76086428-5", "76086428-5"),
        ("11.189.907-k", "11189907-K"),
        ("11189907K", "11189907-K"),
    ],
)
def test_run_is_accepted_however_it_is_written(text: str, value: str) -> None:
    assert RUN.normalise(text) == value


@pytest.mark.parametrize("text", ["12531909-3", "12531909-K", "76086428-4", "12531909", "-2", "", "abc", "000000-0"])
def test_run_with_a_wrong_digit_or_shape_is_refused(text: str) -> None:
    assert RUN.normalise(text) is None


@pytest.mark.parametrize(("text", "value"), [("001234567", "001234567"), ("ab123456", "AB123456")])
def test_foreigners_card_has_no_check_digit(text: str, value: str) -> None:
    assert CE.normalise(text) == value
    assert not CE.checked


@given(st.integers(min_value=1, max_value=99_999_999), st.sampled_from(codes()))
def test_a_made_document_is_valid_and_survives_presentation(number: int, country: str) -> None:
    chosen = pack(country)
    if country == "CL":
        number = max(number, 100_000)
    value = chosen.document_value(number)
    scheme = chosen.documents[0]
    assert scheme.normalise(value) == value
    assert scheme.normalise(scheme.present(value)) == value


@given(st.integers(min_value=100_000, max_value=99_999_999), st.integers(min_value=1, max_value=9))
def test_one_changed_digit_of_a_run_is_noticed(number: int, shift: int) -> None:
    value = pack("CL").document_value(number)
    digit = int(value[-3])
    wrong = f"{value[:-3]}{(digit + shift) % 10}{value[-2:]}"
    assert RUN.normalise(wrong) is None


def test_a_text_can_be_documents_of_two_countries() -> None:
    # Eight digits: a DNI, and a RUN of seven digits with its check digit.
    number = next(n for n in range(1_000_000, 1_000_100) if not pack("CL").document_value(n).endswith("K"))
    text = pack("CL").document_value(number).replace("-", "")
    found = {(match.country, match.scheme.key) for match in documents_like(text) if match.scheme.checked}
    assert found == {("PE", "dni"), ("CL", "run")}


def test_checked_documents_come_first() -> None:
    checked = [match.scheme.checked for match in documents_like("10117410")]
    assert checked == sorted(checked, reverse=True)
    assert checked[0]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("001234567", []),
        ("ce:001234567", [("PE", "ce", "001234567")]),
        ("passport:ab123456", [("PE", "passport", "AB123456")]),
        ("dni:45678901", [("PE", "dni", "45678901")]),
        ("ce:45678901", [("PE", "ce", "45678901")]),
        ("ce:", []),
        ("ce:no number", []),
        ("of-no-country:001234567", []),
    ],
)
def test_a_document_without_a_check_digit_is_meant_when_its_kind_is_said(
    text: str, kinds: list[tuple[str, str, str]]
) -> None:
    assert [(match.country, match.scheme.key, match.value) for match in documents_meant(text)] == kinds


def test_no_two_schemes_share_a_system() -> None:
    systems = [system for country in packs() for scheme in country.documents for system in scheme.systems]
    assert len(systems) == len(set(systems))
