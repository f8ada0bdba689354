"""Every refusal can be said in Spanish and English, with the values it brings."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from kuska.fhir.domain import fhirpath
from kuska.kit.messages import LANGUAGES, catalogue

_RAISED = re.compile(
    r'(?:ExpressionSyntax|ExpressionType|Evaluation|EvaluationLimit)Error\(\s*"([a-z-]+)"((?:,\s*\w+=)?)'
)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_keys(lang: str) -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(fhirpath.__file__).parent.rglob("*.py")]
    raised = {match[0] for source in sources for match in _RAISED.findall(source)}
    known = {key.removeprefix("fhirpath.") for key in catalogue(lang) if key.startswith("fhirpath.")}
    assert raised == known


def test_both_languages_name_the_same_things() -> None:
    for key, text in catalogue("en").items():
        if key.startswith("fhirpath."):
            assert _fields(text) == _fields(catalogue("es")[key]), key


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
