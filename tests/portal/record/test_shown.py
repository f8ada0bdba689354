"""The summary as people read it: every word in their language, what nobody wrote left out."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kuska.kit.messages import LANGUAGES, catalogue
from kuska.portal.record.page import Age
from kuska.portal.record.reading import Chart
from kuska.portal.record.shown import FLAGS, WORDS, PatientPage, shown
from kuska.portal.record.view import arrange
from kuska.portal.ui.rendering import day, translator

pytestmark = pytest.mark.requirement("HC-02")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SOURCES = Path(__file__).parents[3] / "src" / "kuska" / "portal" / "record"


def page(by_type: dict[str, list[dict[str, Any]]], lang: str = "es", **patient: Any) -> PatientPage:
    person = {"resourceType": "Patient", "id": "p1", **patient}
    return shown(arrange(Chart(person, by_type, complete=True), NOW), translator(lang))


def test_of_nobody_much_is_known_nothing_is_made_up() -> None:
    found = page({})
    assert (found.name, found.facts, found.birth) == ("sin nombre", (), "")
    assert "No significa que no las tenga" in found.no_allergies
    assert (found.allergies, found.problems, found.medication, found.results, found.visits) == ((), (), (), (), ())
    none = {"clinicalStatus": {"coding": [{"code": "active"}]}, "code": {"coding": [{"code": "716186003"}]}}
    assert page({"AllergyIntolerance": [none]}).no_allergies == "Sin alergias conocidas."


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (Age(58, 8, 1), "58 años"),
        (Age(1, 11, 0), "23 meses"),
        (Age(0, 1, 3), "1 mes"),
        (Age(0, 0, 1), "1 día"),
        (Age(0, 0, 0), "0 días"),
    ],
)
def test_small_children_are_months_old(age: Age, said: str) -> None:
    summary = arrange(Chart({"resourceType": "Patient", "id": "p1"}, {}, complete=True), NOW)
    summary = replace(summary, identification=replace(summary.identification, age=age))
    assert shown(summary, translator("es")).facts == (("Edad", said),)


def test_in_english_nothing_is_spanish() -> None:
    found = page(
        {
            "AllergyIntolerance": [{"id": "a", "category": ["food"], "criticality": "unable-to-assess"}],
            "Condition": [{"id": "c", "clinicalStatus": {"coding": [{"code": "active"}]}}],
            "MedicationRequest": [{"id": "m", "status": "active"}],
            "Observation": [
                {
                    "id": "o",
                    "category": [{"coding": [{"code": "laboratory"}]}],
                    "effectiveDateTime": "2026-01-01",
                    "valueQuantity": {"value": Decimal("1.20"), "unit": "mg/dL"},
                    "interpretation": [{"coding": [{"code": "L"}]}],
                    "referenceRange": [{"high": {"value": 2}}],
                }
            ],
            "Encounter": [{"id": "e"}],
        },
        "en",
        gender="unknown",
        identifier=[{"value": "77"}],
    )
    assert found.facts == (("Sex", "unknown"), ("Document", "other 77"))
    (allergy,), (problem,), (drug,), (result,), (visit,) = (
        found.allergies, found.problems, found.medication, found.results, found.visits,
    )  # fmt: skip
    assert (allergy.name, allergy.notes) == ("substance not stated", "food · not assessable risk")
    assert (problem.name, drug.name, visit.name) == ("no name", "medicine not stated", "Encounter")
    assert (result.name, result.value, result.flag, result.reference) == ("result", "1.20 mg/dL", "low", "up to 2")


def test_every_word_of_the_json_has_its_texts() -> None:
    """The words that the JSON says in Spanish, as they stand in its sources."""
    said: set[str] = set()
    for name in ("history.py", "identity.py", "results.py"):
        text = (SOURCES / name).read_text(encoding="utf-8")
        said |= set(re.findall(r'or "([a-z][a-z ]+)"', text))
        for table in re.findall(r"_(?:SEX|CRITICALITY|CATEGORY|GROUPS) = (\{.*?\})", text):
            said |= set(re.findall(r': "([^"]+)"', table))
    # Reports are not on the page.
    assert len(said) > 14
    assert not said - set(WORDS) - {"informe"}
    for lang in LANGUAGES:
        assert not {key for key in WORDS.values() if key not in catalogue(lang)}
        assert not {flag for flag in FLAGS if f"summary.flag-{flag}" not in catalogue(lang)}


def test_a_day_is_as_precise_as_it_was_written() -> None:
    lima = ZoneInfo("America/Lima")
    said = {
        text: day(lima, text) for text in ("2026", "2026-05", "2026-05-17", "2026-05-17T02:00:00Z", "not a date at all")
    }
    assert said == {
        "2026": "2026",
        "2026-05": "05/2026",
        "2026-05-17": "17/05/2026",
        "2026-05-17T02:00:00Z": "16/05/2026",
        "not a date at all": "not a date at all",
    }
