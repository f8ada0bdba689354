from __future__ import annotations

import pytest

from kuska.fhir.domain.ucum import canonical, code_of
from kuska.fhir.domain.ucum.texts import _CODES, _WRITTEN

pytestmark = pytest.mark.requirement("HC-01")


def test_every_text_stands_for_one_unit_that_ucum_knows() -> None:
    assert len(_CODES) == sum(len(texts) for texts in _WRITTEN.values())
    for text, code in _CODES.items():
        assert canonical(1, code) is not None, code
        assert text != code


@pytest.mark.parametrize(
    ("text", "code"),
    [("mmHg", "mm[Hg]"), ("\u00b5g", "ug"), ("\u03bcg", "ug"), ("°C", "Cel"), ("latidos/min", "/min"), ("días", "d")],
)
def test_what_people_write(text: str, code: str) -> None:
    assert code_of(text) == code


@pytest.mark.parametrize("text", ["mm[Hg]", "mg", "", "mmHG", "tableta"])
def test_codes_and_unknown_texts_stand_for_nothing_else(text: str) -> None:
    assert code_of(text) is None
