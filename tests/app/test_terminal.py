"""Nothing is said at the terminal but messages of the catalogue, in the terminal's language."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from kuska.app import keyring
from kuska.app.terminal import language, teller
from kuska.kit.messages import LANGUAGES, catalogue, text

SOURCES = Path(__file__).parents[2] / "src" / "kuska"
_SAYERS = {"say", "_say", "tell", "_tell", "progress", "words", "said"}
# Not to a person at the terminal: a line of the database's log.
_OTHERS = {"infra/postgres/keeper.py"}


def sayings() -> Iterator[tuple[str, ast.expr]]:
    """What is handed to who says it."""
    for folder in ("app", "infra/postgres"):
        for path in sorted((SOURCES / folder).rglob("*.py")):
            place = str(path.relative_to(SOURCES))
            if place in _OTHERS or "population" in place:
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and node.args:
                    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                    if name in _SAYERS:
                        yield f"{place}:{node.lineno}", node.args[0]


def test_what_is_said_is_in_the_catalogue() -> None:
    found = list(sayings())
    assert len(found) > 50
    known = catalogue("es")
    plain = [
        (place, part.value)
        for place, said in found
        if not isinstance(said, ast.JoinedStr)
        for part in ast.walk(said)
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value not in known
    ]
    assert plain == []


def test_a_composed_key_is_no_sentence() -> None:
    """f"audit.{problem}", not f"{count} people"."""
    composed = [(place, said) for place, said in sayings() if isinstance(said, ast.JoinedStr)]
    assert composed
    sentences = [
        (place, part.value)
        for place, said in composed
        for part in said.values
        if isinstance(part, ast.Constant) and " " in str(part.value).strip()
    ]
    assert sentences == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "es_PE.UTF-8"}, "es"),
        ({"LC_ALL": "es_CL", "LANG": "en_US"}, "es"),
        ({"LC_ALL": "en_US", "LANG": "es_PE"}, "en"),
    ],
)
def test_the_language_follows_the_terminal(environment: dict[str, str], expected: str) -> None:
    assert language(environment) == expected


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_new_master_key_is_told_in_it(monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    monkeypatch.setenv("LC_ALL", lang)
    with structlog.testing.capture_logs() as logs:
        keyring._made(Path("master.key"))
    assert [line["said"] for line in logs] == [text("keys.made", {"file": "master.key"}, lang)]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_told(lang: str) -> None:
    heard: list[str] = []
    teller(heard.append, lang)("demo.there", people=3)
    assert heard == [text("demo.there", {"people": 3}, lang)]
