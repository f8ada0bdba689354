"""The summary, arranged from charts: synthetic lives, and small ones made to show one rule each."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from kuska.app.demo.population.links import Ids
from kuska.app.demo.population.people import people
from kuska.kit.json import decode, encode
from kuska.portal.record import page
from kuska.portal.record.history import allergies, medication, problems
from kuska.portal.record.identity import identification
from kuska.portal.record.keys import KEYS, spanish
from kuska.portal.record.lung import lung
from kuska.portal.record.page import Age, AllergyState, LungStep, Trend
from kuska.portal.record.reading import Chart
from kuska.portal.record.results import results
from kuska.portal.record.view import arrange

pytestmark = pytest.mark.requirement("HC-02")

NOW = datetime(2026, 11, 2, 15, tzinfo=UTC)
TODAY = NOW.date()
Node = dict[str, Any]


def _chart(nodes: list[Node]) -> Chart:
    by_type: dict[str, list[Node]] = {}
    for node in nodes:
        by_type.setdefault(node["resourceType"], []).append(node)
    return Chart(by_type["Patient"][0], by_type, complete=True)


def _code(system: str, code: str, text: str) -> Node:
    return {"coding": [{"system": system, "code": code}], "text": text}


def _observation(date_: str, value: str, code: str = "4548-4", **more: Any) -> Node:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [_code("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory", "Laboratorio")],
        "code": _code("http://loinc.org", code, "HbA1c"),
        "effectiveDateTime": date_,
        "valueQuantity": {"value": Decimal(value), "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
        **more,
    }


def test_every_field_of_the_page_has_a_spanish_key_and_survives_as_json() -> None:
    names = {
        f.name for kind in vars(page).values() if isinstance(kind, type) and is_dataclass(kind) for f in fields(kind)
    }
    assert names == set(KEYS)
    for one in people(60, 1, ids=Ids.CLIENT):
        summary = arrange(_chart([decode(encode(node)) for node in one.resources()]), NOW)
        shown = decode(encode(spanish(summary)))
        assert shown["identificacion"]["id"] == one.patient
        assert shown["alergias"]["estado"] in set(AllergyState)
        assert shown["completo"] is True


def test_keys_of_one_object_are_never_the_same() -> None:
    for kind in vars(page).values():
        if isinstance(kind, type) and is_dataclass(kind):
            keys = [KEYS[f.name] for f in fields(kind)]
            assert len(keys) == len(set(keys)), kind


@pytest.mark.parametrize(
    ("birth", "today", "age"),
    [
        ("1980-05-17", date(2026, 11, 2), Age(46, 5, 16)),
        ("2026-11-02", date(2026, 11, 2), Age(0, 0, 0)),
        ("2024-02-29", date(2025, 2, 28), Age(0, 11, 30)),
        ("2024-02-29", date(2025, 3, 1), Age(1, 0, 1)),
        ("2026-01-31", date(2026, 3, 1), Age(0, 1, 1)),
        ("1990-12-31", date(2026, 1, 1), Age(35, 0, 1)),
        ("1950", date(2026, 1, 1), Age(76, 0, 0)),
    ],
)
def test_age_in_years_months_and_days(birth: str, today: date, age: Age) -> None:
    assert identification({"id": "1", "birthDate": birth}, (), today).age == age


def test_age_stops_at_death() -> None:
    known = identification(
        {"id": "1", "birthDate": "1950-01-01", "deceasedDateTime": "2020-01-01T10:00:00-05:00"}, (), TODAY
    )
    assert known.deceased is True
    assert known.age == Age(70, 0, 0)


def test_documents_are_shown_as_people_write_them() -> None:
    identifiers = [
        {"system": "http://regcivil.cl/Validacion/RUN", "value": "12531909-2"},
        {"system": "urn:oid:2.16.840.1.113883.4.904", "value": "10117410"},
        {"system": "http://other", "value": "77", "type": {"text": "Historia clínica"}},
    ]
    known = identification({"id": "1", "identifier": identifiers}, (), TODAY)
    assert [(d.kind, d.number) for d in known.documents] == [
        ("RUN", "12.531.909-2"),
        ("DNI", "10117410-2"),
        ("Historia clínica", "77"),
    ]


def test_second_surname_of_an_extension_is_part_of_the_surnames() -> None:
    extension = {"extension": [{"url": "https://x/SegundoApellido", "valueString": "Painemal"}]}
    known = identification(
        {"id": "1", "name": [{"family": "Muñoz", "_family": extension, "given": ["Rosa"]}]}, (), TODAY
    )
    assert known.family == "Muñoz Painemal"


def _allergy(code: str, text: str, verification: str = "confirmed", clinical: str = "active") -> Node:
    return {
        "code": _code("http://snomed.info/sct", code, text),
        "clinicalStatus": _code("c", clinical, ""),
        "verificationStatus": _code("v", verification, ""),
    }


def test_nothing_recorded_is_not_the_same_as_none_known() -> None:
    assert allergies([]).state is AllergyState.NOT_RECORDED
    assert allergies([_allergy("716186003", "Sin alergias conocidas")]).state is AllergyState.NONE_KNOWN
    # "No drug allergies" says nothing about food.
    assert allergies([_allergy("409137002", "Sin alergias a medicamentos")]).state is AllergyState.NOT_RECORDED


def test_an_allergy_wins_over_an_older_none_known() -> None:
    found = allergies([_allergy("716186003", "Sin alergias conocidas"), _allergy("764146007", "Penicilina")])
    assert found.state is AllergyState.RECORDED
    assert [item.substance for item in found.items] == ["Penicilina"]


@pytest.mark.parametrize(
    ("verification", "clinical"), [("refuted", "active"), ("entered-in-error", "active"), ("confirmed", "resolved")]
)
def test_allergies_taken_back_do_not_count(verification: str, clinical: str) -> None:
    assert allergies([_allergy("764146007", "Penicilina", verification, clinical)]).state is AllergyState.NOT_RECORDED


def _condition(code: str, onset: str, clinical: str = "active") -> Node:
    return {
        "code": _code("http://hl7.org/fhir/sid/icd-10", code, code),
        "clinicalStatus": _code("c", clinical, ""),
        "onsetDateTime": onset,
    }


def test_active_problems_newest_first_each_once_with_its_first_date() -> None:
    found = problems([
        _condition("I10", "2019-03-01"), _condition("J00", "2026-01-01", "resolved"),
        _condition("E11.9", "2024-05-05"), _condition("I10", "2025-01-01"),
    ])  # fmt: skip
    assert [(p.code, p.since) for p in found] == [("I10", "2019-03-01"), ("E11.9", "2024-05-05")]


def test_current_medication_is_the_newest_active_prescription_of_each_drug() -> None:
    def drug(status: str, date_: str, text: str) -> Node:
        return {
            "status": status,
            "medicationCodeableConcept": _code("atc", "A10BA02", "Metformina 850 mg"),
            "authoredOn": date_,
            "dosageInstruction": [{"text": text}],
        }

    found = medication([drug("active", "2025-01-01", "cada 24 horas"), drug("completed", "2026-05-01", "x"),
                        drug("active", "2026-01-01", "cada 12 horas")])  # fmt: skip
    assert [(m.name, m.instructions, m.since) for m in found] == [("Metformina 850 mg", "cada 12 horas", "2026-01-01")]


@pytest.mark.parametrize(
    ("before", "last", "trend"),
    [("8.2", "7.1", Trend.DOWN), ("6.0", "7.4", Trend.UP), ("7.0", "7.1", Trend.STEADY), ("7.0", "7.0", Trend.STEADY)],
)
def test_trend_between_the_last_two_values(before: str, last: str, trend: Trend) -> None:
    [found] = results(
        [_observation("2026-05-01T08:00:00-05:00", last), _observation("2025-05-01T08:00:00-05:00", before)]
    )
    assert found.trend is trend
    assert str(found.last.value) == last
    assert found.previous is not None
    assert str(found.previous.value) == before
    assert found.count == 2


def test_values_of_another_unit_are_not_compared() -> None:
    other = _observation("2025-05-01", "54")
    other["valueQuantity"] |= {"unit": "mmol/mol", "code": "mmol/mol"}
    [found] = results([_observation("2026-05-01", "7.1"), other])
    assert found.previous is None
    assert found.trend is None
    assert found.count == 2


def test_reference_range_and_interpretation_are_kept() -> None:
    more = {
        "referenceRange": [{"low": {"value": Decimal("4.0")}, "high": {"value": Decimal("5.6")}}],
        "interpretation": [{"coding": [{"code": "H"}]}],
    }
    [found] = results([_observation("2026-05-01", "7.10", **more)])
    assert found.reference is not None
    assert (found.reference.low, found.reference.high) == (Decimal("4.0"), Decimal("5.6"))
    assert found.last.interpretation == "H"
    assert encode(spanish(found.last)).startswith(b'{"valor":7.10,')


def test_components_are_results_of_their_own_and_genes_are_told_apart() -> None:
    def part(code: str, value: int) -> Node:
        return {"code": _code("http://loinc.org", code, code), "valueQuantity": {"value": value, "unit": "mmHg"}}

    def gene(name: str) -> Node:
        node = _observation(
            "2026-05-01", "1", "69548-6", component=[{"valueCodeableConcept": _code("hgnc", name, name)}]
        )
        del node["valueQuantity"]
        return {**node, "valueCodeableConcept": _code("loinc", "LA9634-2", "Negativo")}

    pressure = _observation("2026-05-01", "1", "85354-9", component=[part("8480-6", 128), part("8462-4", 81)])
    del pressure["valueQuantity"]
    found = results([pressure, gene("EGFR"), gene("ALK")])
    assert sorted((r.code, str(r.last.value)) for r in found) == [
        ("69548-6", "Negativo"), ("69548-6", "Negativo"), ("8462-4", "81"), ("8480-6", "128"),
    ]  # fmt: skip


def test_results_taken_back_are_not_shown() -> None:
    assert results([_observation("2026-05-01", "7.1", status="entered-in-error")]) == ()


def _rads(category: str, date_: str) -> Node:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": _code("urn:kuska:pathway", "lung-rads-2022", "Lung-RADS"),
        "effectiveDateTime": date_,
        "valueCodeableConcept": _code("urn:kuska:lung-rads-2022", category, f"Lung-RADS {category}"),
    }


@pytest.mark.parametrize(
    ("category", "step", "control", "overdue"),
    [
        ("1", LungStep.SCREENING, "2027-01-10", False),
        ("3", LungStep.SCREENING, "2026-07-12", True),
        ("4A", LungStep.SCREENING, "2026-04-12", True),
        ("4B", LungStep.WORK_UP, None, None),
        ("4X", LungStep.WORK_UP, None, None),
    ],
)
def test_next_control_by_lung_rads(category: str, step: LungStep, control: str | None, overdue: bool | None) -> None:
    found = lung({"Observation": [_rads(category, "2026-01-10T10:00:00-05:00")]}, TODAY)
    assert found is not None
    assert (found.step, found.next_control, found.overdue) == (step, control, overdue)


def test_no_journey_no_status() -> None:
    assert lung({"Observation": [_observation("2026-05-01", "7.1")]}, TODAY) is None


def test_synthetic_journeys_show_every_step() -> None:
    steps: set[LungStep] = set()
    for one in people(1500, 1, ids=Ids.CLIENT):
        summary = arrange(_chart(list(one.resources())), NOW)
        if summary.lung is not None:
            steps.add(summary.lung.step)
            if summary.lung.step is LungStep.TREATMENT:
                assert summary.lung.stage
                assert len(summary.lung.tnm) == 3
                assert summary.lung.treatments
    # Between the pathology report and the stage lie days only: 1,500 people may show nobody there.
    assert steps >= set(LungStep) - {LungStep.DIAGNOSIS}


def test_a_tumour_without_stage_is_at_diagnosis() -> None:
    tumour = {"id": "c", "resourceType": "Condition", **_condition("C34.1", "2026-10-20")}
    found = lung({"Condition": [tumour], "Observation": [_rads("4X", "2026-10-01")]}, TODAY)
    assert found is not None
    assert (found.step, found.next_control) == (LungStep.DIAGNOSIS, None)
