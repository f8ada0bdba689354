from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.security.domain.passwords import MAX_LENGTH, breached, normal, problems

pytestmark = pytest.mark.requirement("HC-04")
OWN = ("ana.quispe@example.org", "Ana María Quispe Huamán")


def said(password: str, least: int = 12) -> str:
    return "".join(issue.message for issue in problems(password, least=least, own_words=OWN))


def test_the_list_is_there() -> None:
    assert len(breached()) > 10_000
    assert sum(len(word) >= 8 for word in breached()) > 10_000
    assert {"password", "12345678", "iloveyou"} <= breached()


@pytest.mark.parametrize(
    "good",
    [
        "cuatro perros azules",
        "ñandú ñandú en Puno 7",
        "correct horse battery staple",
        "🦙🦙 llamas sobre el río 🦙",
        "aaaaaaaaaaaaaaaaaaab",
        "k7!vQz2@pL9#",
        "la quispe no es mi apellido",
        "x" * 10 + " y " * 80,
    ],
)
def test_good_ones(good: str) -> None:
    assert said(good) == ""


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("", "password.too-short"),
        ("k7!vQz2@pL9", "password.too-short"),
        ("x" * (MAX_LENGTH + 1), "password.too-long"),
        ("password2026", "password.common"),
        ("Password123!", "password.common"),
        ("P@ssw0rd1234", "password.common"),
        ("***iloveyou***", "password.common"),
        ("aaaaaaaaaaaa", "password.common"),
        ("abcabcabcabc", "password.common"),
        ("passwordpassword", "password.common"),
        ("123456789012", "password.common"),
        ("987654321098", "password.common"),
        ("ana.quispe@example.org", "password.own-name"),
        ("AnaMaríaQuispe", "password.own-name"),
        ("quispe2026!!", "password.own-name"),
    ],
)
def test_bad_ones(bad: str, why: str) -> None:
    assert said(bad) == why


def test_no_rule_about_kinds_of_characters() -> None:
    assert said("solo letras minusculas") == ""
    assert said("739204118365072") == ""


def test_the_same_password_from_every_keyboard() -> None:
    assert normal("n\u0303andu\u0301") == normal("ñandú")
    assert len("n\u0303" * 6) == 12
    assert said("n\u0303" * 6) == "password.too-short"


@given(st.text(max_size=400))
def test_whatever_it_is_it_is_judged(text: str) -> None:
    assert problems(text, least=12, own_words=(text[:5], "")) is not None


@pytest.mark.parametrize(
    "bad",
    [
        "contraseña123", "Contraseña12", "micontraseña", "hospital2026", "Bienvenido123!", "peru12345678", "clave12345678",
        "essalud12345", "Administrador1", "abcdefghijkl", "lkjihgfedcba99", "S4lud2026!!!",
    ],
)  # fmt: skip
def test_what_people_here_would_try_first(bad: str) -> None:
    assert [issue.message for issue in problems(bad, least=12)] == ["password.common"]


@pytest.mark.parametrize("good", ["hospital de la luna verde", "tres gatos y un piano", "peru-kalsubi-tomen"])
def test_common_words_among_others_are_no_reason(good: str) -> None:
    assert problems(good, least=12) == ()
