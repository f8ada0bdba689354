"""Expressions that mean harm: they stop, in time and with words."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest

from kuska.fhir.domain.fhirpath import EvaluationLimitError, FhirPathError, allowance, compile  # noqa: A004

pytestmark = pytest.mark.requirement("LW-20")
PATIENT: dict[str, Any] = {"resourceType": "Patient", "name": [{"given": ["a", "b"] * 60, "family": "a" * 5000}] * 10}


@pytest.fixture
def _little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "MAX_SECONDS", 0.2)


@pytest.mark.usefixtures("_little_time")
@pytest.mark.parametrize(
    "expression",
    [
        "repeatAll($this)",
        "name.given.select(%resource.name.given.select(%resource.name.given.select(%resource.name.given)))",
        "name.given.where(%resource.name.given.where(%resource.name.given.exists($this = 'x')).exists())",
        "name.family.select($this.toChars()).where(%resource.name.family.select(toChars()).exists($this = 'z'))",
        "name.given.select(%resource.name.family.first().matches('(([a-z])+.)+[A-Z]([a-z])+$'))",
    ],
)
def test_too_much_work_is_stopped(expression: str) -> None:
    start = time.process_time()
    with pytest.raises(EvaluationLimitError):
        compile(expression).evaluate(PATIENT)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("expression", "key"),
    [
        ("'a'.matches('((((a{1000}){1000}){1000}){1000})')", "pattern-too-long"),
        (f"'a'.matches('{'a' * 3000}')", "pattern-too-long"),
        (f"'{'a' * 60}!'.matches('^(a|aa)+$')", "pattern-too-slow"),
        ("name.first().family.replace('', name.first().family)", "text-too-long"),
        ("name.given.aggregate($total & $total & 'abcdefghij', 'x')", "text-too-long"),
    ],
)
def test_large_texts_and_patterns_are_refused(expression: str, key: str) -> None:
    with pytest.raises(EvaluationLimitError) as caught:
        compile(expression).evaluate(PATIENT)
    assert caught.value.issues[0].message == f"fhirpath.{key}"


@pytest.mark.parametrize(
    "expression",
    [
        "2.power(1000000)",
        "10.0.power(10000000.5)",
        "9999999999.exp()",
        "99999999999999999999999999999999.0 * 99999999999999999999999999999999.0",
        "1.0.round(2147483647)",
        "@9999-12-31 + 100000000000000 days",
        "@2020 - 1000000000000000 years",
        "@T10:00 + 99999999999999999999 hours",
        "1 'm' * 1 'm' / 1 '[nothing]'",
        "1000000000000000000000000000000000000000000000000.lowBoundary(31)",
        "@0001-01-01T00:00:00+14:00 < @9999-12-31T23:59:59-12:00",
        "(1/3).precision() + 5 mod 0 + (0.0).ln()",
    ],
)
def test_large_numbers_are_values_or_nothing(expression: str) -> None:
    start = time.process_time()
    with contextlib.suppress(FhirPathError):
        compile(expression).evaluate(PATIENT)
    assert time.process_time() - start < 1


def test_usual_work_on_a_large_resource_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "monotonic", time.process_time)  # whatever else the machine does meanwhile
    large = {"resourceType": "ValueSet", "expansion": {"contains": [{"code": str(n)} for n in range(20_000)]}}
    assert compile("expansion.contains.where(code = '19999').count()").evaluate(large) == [1]
    assert compile("descendants().code.isDistinct()").evaluate(large) == [True]
