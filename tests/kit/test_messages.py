"""Every message exists in every language, with the same parameters; every key that the code uses exists."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from kuska.kit.errors import Issue
from kuska.kit.messages import LANGUAGES, catalogue, language, render
from kuska.security.api import FEATURES

SOURCES = Path(__file__).parents[2] / "src" / "kuska"
_PARTS = {path.name.split(".")[0] for path in SOURCES.glob("*/messages/*.toml")}
# A key as code writes it: a whole string literal, "part.some-words".
_USED = re.compile(rf'"((?:{"|".join(sorted(_PARTS))})\.[a-z0-9]+(?:-[a-z0-9]+)*)"')


def _parameters(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_key_is_there_in_every_language() -> None:
    spanish, english = (catalogue(lang) for lang in LANGUAGES)
    assert set(spanish) == set(english)


@pytest.mark.parametrize("key", sorted(catalogue("es")))
def test_languages_use_the_same_parameters(key: str) -> None:
    assert _parameters(catalogue("es")[key]) == _parameters(catalogue("en")[key])


def test_every_key_that_the_code_uses_is_there() -> None:
    used = {
        (key, path.name) for path in SOURCES.rglob("*.py") for key in _USED.findall(path.read_text(encoding="utf-8"))
    }
    assert used
    # Written the same way, and no messages: files of queries, and what roles may do.
    others = {key for key, _ in used if key.endswith(".sql")} | FEATURES
    assert {(key, file) for key, file in used if key not in catalogue("es") and key not in others} == set()


def test_renders_parameters_lists_and_gaps() -> None:
    issue = Issue(code="value", message="interaction.bad-summary", params={"value": "x", "allowed": ("a", "b")})
    assert render(issue, "en") == "_summary cannot be 'x'. Possible values: a, b."
    assert "{value}" in render(Issue(code="value", message="interaction.bad-summary"), "en")


def test_unknown_key_is_shown_as_it_stands() -> None:
    assert render(Issue(code="value", message="no.such", params={"a": 1})) == "no.such {'a': 1}"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "es"),
        ("", "es"),
        ("en", "en"),
        ("en-GB,en;q=0.9,es;q=0.8", "en"),
        ("es-PE,es;q=0.9,en;q=0.8", "es"),
        ("de, en;q=0.3", "en"),
        ("qu, *;q=0.1", "es"),
        ("en;q=0, es;q=0.2", "es"),
        ("en;q=nonsense", "es"),
    ],
)
def test_language(header: str | None, expected: str) -> None:
    assert language(header) == expected
