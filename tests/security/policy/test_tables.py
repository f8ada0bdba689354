"""The policy, cell by cell: who × what × whose × why. The tables beside this file are what was agreed."""

from __future__ import annotations

import pytest
from tests.security.policy.situations import LETTERS, TYPES, WHOSE, access, allowed, caller, letters
from tests.security.policy.tables import TOKENS, complete, read, token_rows

from kuska.security.domain.purposes import PURPOSES
from kuska.security.domain.roles import shipped
from kuska.security.errors import RefusedByPolicyError

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("LW-16"), pytest.mark.requirement("LW-29")]
WHAT = read("what.md")
WHY = read("why.md")["purposes"]
ABOUT = {"in care": "cared", "their own": "self", "stranger": "stranger"}


def test_no_role_and_no_cell_is_missing() -> None:
    assert {heading.partition(" for ")[0] for heading in WHAT} == set(shipped())
    for table in WHAT.values():
        complete(table, TYPES, tuple(WHOSE))
    complete(WHY, tuple(PURPOSES), tuple(shipped()))
    for table in read("tokens.md").values():
        complete(table, token_rows(), tuple(shipped()))


def test_a_missing_cell_is_noticed() -> None:
    table = dict(WHY)
    table.popitem()
    with pytest.raises(AssertionError, match="missing"):
        complete(table, tuple(PURPOSES), tuple(shipped()))


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("role", shipped())
def test_who_may_do_what_with_whose_for_which_purpose(role: str, purpose: str) -> None:
    if WHY[purpose, role] == "–":
        with pytest.raises(RefusedByPolicyError):
            access(caller(role), purpose)
        return
    given = access(caller(role), purpose)
    table = WHAT.get(f"{role} for {purpose}", WHAT[role])
    wrong = {
        (type_, whose, letter): "may" if letter in cell else "may not"
        for (type_, whose), cell in table.items()
        for letter in LETTERS
        if allowed(given, type_, letter, WHOSE[whose]) != (letter in cell)
    }
    assert not wrong


@pytest.mark.parametrize("role", shipped())
def test_the_first_purpose_is_taken_when_none_is_named(role: str) -> None:
    given = access(caller(role))
    assert given.purpose == shipped()[role].purposes[0]
    for (type_, whose), cell in WHAT[role].items():
        assert letters(given, type_, WHOSE[whose]) == cell


@pytest.mark.parametrize(("heading", "table"), read("tokens.md").items())
def test_a_token_narrows_what_its_person_may(heading: str, table: dict[tuple[str, str], str]) -> None:
    type_, about = heading.partition(",")[0], ABOUT[heading.partition(": ")[2]]
    for (row, role), cell in table.items():
        given = access(caller(role, scopes=row.strip("`"), patient=about))
        assert letters(given, type_, about) == cell, (row, role)


def test_the_tokens_of_the_table_are_those_of_the_test() -> None:
    assert {row for table in read("tokens.md").values() for row, _ in table} == {f"`{token}`" for token in TOKENS}


@pytest.mark.parametrize("roles", [(), ("nobody-knows",), ("Physician",), ("physician ",)])
def test_no_role_or_an_unknown_one_gives_nothing(roles: tuple[str, ...]) -> None:
    given = access(caller(*roles))
    assert not any(given.ways(type_, letter) for type_ in TYPES for letter in LETTERS)
    assert not given.areas
    assert not given.may("break-glass")


def test_who_keeps_the_consents_sees_them_whatever_they_say_by_token_too() -> None:
    for scopes in (None, "user/Consent.cruds"):
        given = access(caller("steward", scopes=scopes))
        assert letters(given, "Consent", "refuses") == "crus"
