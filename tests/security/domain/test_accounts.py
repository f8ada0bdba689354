from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.security.domain.accounts import folded_email, folded_login, is_role_name
from kuska.security.domain.attempts import Keys, network

pytestmark = pytest.mark.requirement("HC-04")


@pytest.mark.parametrize(
    ("written", "country", "folded"),
    [
        (" Ana@Example.ORG ", "PE", "ana@example.org"),
        ("17801146", "PE", "17801146"),
        ("17801146-0", "PE", "17801146"),
        ("12.345.678-5", "CL", folded_login("12345678-5", "CL")),
        ("Recepción", "PE", "recepción"),
        ("recepcio\u0301n", "PE", "recepción"),
        ("", "PE", ""),
        ("   ", "PE", ""),
        ("a\x00b", "PE", ""),
        ("a\u202eb", "PE", ""),
        ("x" * 255, "PE", ""),
    ],
)
def test_one_login_for_every_way_of_writing_it(written: str, country: str, folded: str) -> None:
    assert folded_login(written, country) == folded
    assert country != "CL" or folded


@given(st.text(max_size=300))
def test_folding_twice_changes_nothing(text: str) -> None:
    once = folded_login(text, "PE")
    assert folded_login(once, "PE") in {once, ""}


@pytest.mark.parametrize(
    "good", ["ana@example.org", "ANA+kuska@mail.example.org", "o'neill@example.org", "a@xn--pea-fma.cl"]
)
def test_addresses(good: str) -> None:
    assert folded_email(good) == good.casefold()


@pytest.mark.parametrize(
    "bad",
    ["", "ana", "ana@", "@example.org", "ana@localhost", "a b@example.org", "a@b.org, c@d.org", "a@b.org\r\nBcc: c@d.org",
     "<a@b.org>", '"a"@b.org', "a@b..org", "a@[10.0.0.1]", "x" * 250 + "@b.org"],
)  # fmt: skip
def test_what_is_no_address(bad: str) -> None:
    assert folded_email(bad) == ""


def test_role_names() -> None:
    assert is_role_name("care-coordinator")
    assert not any(map(is_role_name, ("", "Admin", "a b", "x" * 50, "a;b", "1st")))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("unknown", "unknown", True),
    ],
)
def test_one_subscriber_is_one_address(one: str, other: str, *, same: bool) -> None:
    assert (network(one) == network(other)) is same


def test_keys_do_not_meet() -> None:
    """Neither by what is counted, nor because one text's end looks like the next one's beginning."""
    keys = [
        Keys.of("sign-in", "demo", "ana", "203.0.113.7"),
        Keys.of("mail", "demo", "ana", "203.0.113.7"),
        Keys.of("sign-in", "demo2", "ana", "203.0.113.7"),
        Keys.of("sign-in", "dem", "oana", "203.0.113.7"),
    ]
    assert len({key.login for key in keys} | {key.pair for key in keys}) == 8
