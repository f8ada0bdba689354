"""What is refused without data, and what is not."""

from __future__ import annotations

import pytest

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.fhirpath import ExpressionTypeError, compile  # noqa: A004

pytestmark = pytest.mark.requirement("HC-01")


@pytest.mark.parametrize(
    ("expression", "type_"),
    [
        ("nam", "Patient"),
        ("name.given1", "Patient"),
        ("Encounter.status", "Patient"),
        ("valueQuantity", "Observation"),
        ("(value as Period).unit", "Observation"),
        ("name.where(givn = 'x')", "Patient"),
        ("component.select(code.codng)", "Observation"),
        ("name.given.count().foo", "Patient"),
        ("identifier.startsWith('x')", "Patient"),
        ("birthDate + 7", "Patient"),
        ("iif('x', 1, 2)", None),
        ("iif(1 | 2, 1, 2)", None),
        ("extension('x').values", "Patient"),
        ("'x'.foo", None),
    ],
)
def test_certainly_wrong(expression: str, type_: str | None) -> None:
    with pytest.raises(ExpressionTypeError):
        compile(expression, type_=type_)


@pytest.mark.parametrize(
    ("expression", "type_"),
    [
        ("contained.name", "Patient"),
        ("descendants().anything", "Patient"),
        ("generalPractitioner.resolve().qualification", "Patient"),
        ("entry.resource.subject", "Bundle"),
        ("%other.anything", "Patient"),
        ("value.unit", "Observation"),
        ("value.ofType(Quantity).unit", "Observation"),
        ("repeat(item).linkId", "Questionnaire"),
        ("item.item.item.linkId", "Questionnaire"),
        ("DomainResource.contained", "Patient"),
        ("name.given.extension.url", "Patient"),
        ("anything.at.all", None),
        ("children().first()", "Patient"),
    ],
)
def test_possibly_right(expression: str, type_: str | None) -> None:
    compile(expression, type_=type_)


def test_order_can_be_insisted_on() -> None:
    with pytest.raises(ExpressionTypeError):
        compile("children().first()", type_="Patient", refuse_unordered=True)
    compile("name.first()", type_="Patient", refuse_unordered=True)


def test_all_search_parameters_of_r4_fit_their_types() -> None:
    count = 0
    for type_, parameters in definitions().search.items():
        for parameter in parameters.values():
            if parameter.expression:
                compile(parameter.expression, type_=type_)
                count += 1
    assert count > 2000
