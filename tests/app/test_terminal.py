"""Nothing is said at the terminal but messages of the catalogue, in the terminal's language."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import structlog

from kuska.app import keyring
from kuska.app.configuration import load
from kuska.app.terminal import language, teller
from kuska.infra.postgres.database import Database
from kuska.kit.errors import KuskaError
from kuska.kit.messages import LANGUAGES, catalogue, text
from kuska.security.store.keys import State

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
        keyring._warn("keys.made", file="master.key")
    assert [line["said"] for line in logs] == [text("keys.made", {"file": "master.key"}, lang)]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_told(lang: str) -> None:
    heard: list[str] = []
    teller(heard.append, lang)("demo.there", people=3)
    assert heard == [text("demo.there", {"people": 3}, lang)]


async def test_a_command_says_it_where_it_says_all_else(fresh_db: Database, tmp_path: Path) -> None:
    heard: list[str] = []

    def tell(key: str, /, **_: object) -> None:
        heard.append(key)

    for environment in ({}, {"KUSKA_KEYS_PROVIDER": "none"}):
        settings = load({"KUSKA_DATA": str(tmp_path), **environment})
        with contextlib.suppress(KuskaError):  # what is sealed cannot be opened without the key; that is not asked here
            async with keyring.keyring(settings, fresh_db, tell=tell):
                pass
    assert heard == ["keys.made", "keys.none"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_key_is_in_one_of_these_states(lang: str) -> None:
    lines = [catalogue(lang).get(f"keys.line-{state}", "") for state in get_args(State)]
    assert all(lines)
    assert len(set(lines)) == len(lines)
