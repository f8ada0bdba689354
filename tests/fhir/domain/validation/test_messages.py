"""Every issue can be said in Spanish and English, in whole sentences."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from tests.fhir.domain.validation.samples import patient

from kuska.fhir.domain import validation
from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.definitions.model import Constraint, Structure
from kuska.fhir.domain.validation import validate
from kuska.kit.messages import LANGUAGES, catalogue, render

_FOLDER = Path(validation.__file__).parent
_SOURCES = [*_FOLDER.glob("*.py"), _FOLDER.parent / "narrative.py"]
_KEY = re.compile(r'"([a-z]+(?:-[a-z0-9]+)+|invariant)"')


def _constraints(structure: Structure) -> list[Constraint]:
    return [*structure.constraints, *(c for e in structure.elements.values() for c in e.constraints)]


def _keys(lang: str) -> dict[str, str]:
    prefix = "validation."
    return {key.removeprefix(prefix): text for key, text in catalogue(lang).items() if key.startswith(prefix)}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_message_is_missing_and_none_is_unused(lang: str) -> None:
    said = {word for path in _SOURCES for word in _KEY.findall(path.read_text(encoding="utf-8"))}
    said |= {"too-many-issues"}
    rules = {f"rule.{c.key}" for s in definitions().structures.values() for c in _constraints(s)}
    assert set(_keys(lang)) <= said | rules
    reported = re.compile(r'(?:error|warning)\(\s*[^,]+,\s*"[a-z-]+",\s*"([a-z0-9-]+)"')
    used = {key for path in _SOURCES for key in reported.findall(path.read_text(encoding="utf-8"))}
    assert used <= set(_keys(lang))


def test_both_languages_use_the_same_parameters() -> None:
    spanish, english = _keys("es"), _keys("en")

    def parameters(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert {k: parameters(t) for k, t in spanish.items()} == {k: parameters(t) for k, t in english.items()}
    assert all(text.endswith((".", "?")) for text in [*spanish.values(), *english.values()])


def test_an_issue_as_people_read_it() -> None:
    (issue,) = validate(patient(gender="mujer"))
    assert render(issue, "es") == "El código «mujer» no es válido aquí; use uno de estos: female, male, other, unknown."
    assert render(issue, "en") == "The code 'mujer' is not valid here; use one of: female, male, other, unknown."
    assert issue.expression == "Patient.gender"
    (issue,) = validate(patient(birthDay="1970-01-01"))
    assert render(issue, "es") == "Patient no tiene un elemento «birthDay»; ¿quiso decir «birthDate»?"
