"""Help, and what is said of a line that was typed wrongly, in the language of the terminal."""

from __future__ import annotations

import argparse
import re

import pytest

from kuska.app.cli import _COMMANDS, main
from kuska.app.options import parser
from kuska.kit.messages import LANGUAGES, catalogue


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lang: str, *line: str) -> tuple[int, str]:
    monkeypatch.setenv("LC_ALL", {"es": "es_PE.UTF-8", "en": "C"}[lang])
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit) as ended:
        main(line)
    said = capsys.readouterr()
    return int(str(ended.value.code)), said.out + said.err


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("command", ["", *_COMMANDS])
def test_help_has_no_words_but_the_catalogues(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lang: str, command: str
) -> None:
    status, shown = run(capsys, monkeypatch, lang, *([command] if command else []), "--help")
    assert status == 0
    words = {text for key, text in catalogue(lang).items() if key.startswith("cli.")}
    left = " ".join(shown.split("\n\n")[1:])  # after the line of usage
    for text in sorted(words, key=len, reverse=True):
        left = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", " ", left)
    # What is typed stays as it is typed.
    left = re.sub(r"--?[a-z-]+|\{[a-z,-]+\}|\b[A-Z]+\b", " ", left)
    assert set(re.findall(r"\w+", left)) <= _COMMANDS.keys()
    assert (shown.startswith("uso: ")) == (lang == "es")


def test_every_option_says_what_it_is() -> None:
    for name in _COMMANDS:
        with pytest.raises(SystemExit):
            parser(_COMMANDS, "en").parse_args([name, "--help"])
    silent: list[str] = []

    def look(one: argparse.ArgumentParser, name: str) -> None:
        for action in one._actions:
            if isinstance(action, argparse._SubParsersAction):
                for below, made in action.choices.items():
                    look(made, below)
            elif action.option_strings and not action.help:
                silent.append(f"{name} {action.option_strings[0]}")

    look(parser(_COMMANDS, "en"), "kuska")
    assert silent == []


@pytest.mark.parametrize(
    ("line", "spanish", "english"),
    [
        ((), "falta: COMMAND", "this is missing: COMMAND"),
        (("audit",), "falta: action", "this is missing: action"),
        (("audit", "burn"), "action no puede ser 'burn'", "action cannot be 'burn'"),
        (("audit", "verify", "--from", "ayer"), "'ayer' no es un día", "'ayer' is no day"),
        (("demo", "--patients"), "--patients necesita un valor", "--patients needs a value"),
        (("demo", "--patients", "x"), "'x' no es un número entero", "'x' is no whole number"),
        (("demo", "--people", "3"), "no hay nada que se llame así: --people 3", "nothing called so here: --people 3"),
    ],
)
def test_a_wrong_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    line: tuple[str, ...],
    spanish: str,
    english: str,
) -> None:
    for lang, wanted in (("es", spanish), ("en", english)):
        status, said = run(capsys, monkeypatch, lang, *line)
        assert status == 2
        assert wanted in said
        assert "error" not in said
