"""OperationOutcomes and the statuses of the error families."""

from __future__ import annotations

import pytest

from kuska.fhir.domain.outcome import STATUS, issues_of, outcome, refused, status_of, under
from kuska.fhir.domain.validation import validate
from kuska.kit.errors import Family, IncorrectError, Issue, KuskaError
from kuska.kit.messages import catalogue


def test_every_family_has_a_status_and_a_message() -> None:
    assert set(STATUS) == set(Family)
    for family in Family:
        error = KuskaError()
        error.family = family
        [issue] = issues_of(error)
        assert issue.message in catalogue("es")
        assert status_of(error) == STATUS[family]


def test_a_finer_status_wins() -> None:
    error = IncorrectError()
    error.status = 413
    assert status_of(error) == 413


@pytest.mark.parametrize("lang", ["es", "en"])
def test_an_outcome_is_a_valid_resource(lang: str) -> None:
    issues = [
        Issue(code="value", message="interaction.bad-id", params={"id": "ñ"}, expression="Patient.id"),
        Issue(severity="fatal", code="exception", message="no.such.key"),
    ]
    assert not refused(validate(outcome(issues, lang)))


@pytest.mark.parametrize(
    ("expression", "placed"),
    [
        ("Patient.name[0].given", "Bundle.entry[3].resource.name[0].given"),
        ("Patient", "Bundle.entry[3].resource"),
        ("", "Bundle.entry[3].resource"),
    ],
)
def test_issues_of_a_part_are_named_from_the_whole(expression: str, placed: str) -> None:
    [issue] = under([Issue(code="value", message="x", expression=expression)], "Bundle.entry[3].resource")
    assert issue.expression == placed
