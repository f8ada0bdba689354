"""SMART scopes: read, written, narrowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.security.contracts import ScopeRule
from kuska.security.domain import scopes
from kuska.security.domain.scopes import ScopeError, asked, covers, narrow, parse, read, render

_LAB = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
pytestmark = pytest.mark.requirement("HC-04")


@pytest.mark.parametrize(
    ("given_text", "written"),
    [
        ("patient/Observation.rs", "patient/Observation.rs"),
        ("user/*.cruds", "user/*.cruds"),
        (f"patient/Observation.rs?category={_LAB}", f"patient/Observation.rs?category={_LAB}"),
        ("system/Patient.s?b=2&a=1", "system/Patient.s?a=1&b=2"),
        ("patient/Observation.read", "patient/Observation.rs"),
        ("user/Patient.write", "user/Patient.cud"),
        ("patient/*.*", "patient/*.cruds"),
        ("user/Patient.r user/Patient.r", "user/Patient.r"),
        ("user/Patient.r?name=a%20b%26c", "user/Patient.r?name=a%20b%26c"),
    ],
)
def test_what_is_read_is_written_as_version_2(given_text: str, written: str) -> None:
    assert render(parse(given_text)) == written
    assert parse(written) == parse(given_text)


@pytest.mark.parametrize(
    "wrong",
    [
        "patient/Observation.sr",
        "patient/Observation.",
        "patient/Observation",
        "patient/observation.r",
        "nurse/Observation.r",
        "patient/Observation.rr",
        "patient/Observation.r?",
        "patient/Observation.r?category",
        "patient/Observation.r?category=",
        "patient/Observation.r?=x",
        "patient/Obs*.r",
        "openid",
        "../Observation.r",
        "x" * 9000,
        "user/Patient.r " * 300,
    ],
)
def test_anything_else_is_an_error_in_a_configuration(wrong: str) -> None:
    with pytest.raises(ScopeError):
        parse(wrong)


def test_a_request_keeps_what_is_understood() -> None:
    found = asked("openid nonsense patient/Observation.rs launch/patient patient/x.y fhirUser")
    assert str(found) == "openid fhirUser launch/patient patient/Observation.rs"
    assert not asked("nonsense")
    with pytest.raises(ScopeError):
        read("openid nonsense")


@pytest.mark.parametrize(
    ("requested", "allowed", "granted"),
    [
        ("patient/Observation.rs", "patient/*.cruds", "patient/Observation.rs"),
        ("patient/*.cruds", "patient/Observation.rs", "patient/Observation.rs"),
        ("patient/Observation.cruds", "patient/Observation.rs", "patient/Observation.rs"),
        ("patient/Observation.rs", "patient/Observation.rs?category=a", "patient/Observation.rs?category=a"),
        (
            "patient/Observation.rs?status=final",
            "patient/*.r?category=a",
            "patient/Observation.r?category=a&status=final",
        ),
        ("patient/Observation.r?category=b", "patient/*.r?category=a", "patient/Observation.r?category=a&category=b"),
        ("patient/Observation.c", "patient/Observation.rs", ""),
        ("patient/Observation.rs", "patient/Patient.rs", ""),
        ("patient/Observation.rs", "user/*.rs", "patient/Observation.rs"),
        ("user/Observation.rs", "patient/*.rs", ""),
        ("system/Observation.rs", "user/*.rs", ""),
        ("user/Observation.rs", "system/*.rs", ""),
        ("patient/*.rs", "patient/*.r patient/Patient.rs", "patient/*.r patient/Patient.rs"),
        ("patient/*.rs patient/Patient.r", "patient/*.rs", "patient/*.rs"),
    ],
)
def test_granted_is_what_is_in_both(requested: str, allowed: str, granted: str) -> None:
    assert render(narrow(parse(requested), parse(allowed))) == granted


_RULES = st.lists(
    st.builds(
        ScopeRule,
        st.sampled_from(["patient", "user", "system"]),
        st.sampled_from(["*", "Patient", "Observation"]),
        st.frozensets(st.sampled_from(scopes.LETTERS), min_size=1),
        st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["1", "2 &=?|é"])), unique=True, max_size=2).map(
            lambda pairs: tuple(sorted(pairs))
        ),
    ),
    max_size=4,
)


@given(_RULES, _RULES)
def test_narrowing_never_widens_and_text_is_lossless(requested: list[ScopeRule], allowed: list[ScopeRule]) -> None:
    for rule in narrow(requested, allowed):
        assert any(covers(one, rule) for one in requested)
        assert any(covers(one, rule) for one in allowed)
        assert parse(scopes.text(rule)) == (rule,)
    for rule in requested:
        assert not narrow([rule], [rule]) or narrow([rule], [rule]) == (rule,)
