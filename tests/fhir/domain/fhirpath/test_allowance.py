"""What one sender may spend on expressions, however many they are."""

from __future__ import annotations

import pytest

from kuska.fhir.domain.fhirpath import EvaluationLimitError, allowance

pytestmark = pytest.mark.requirement("LW-33")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(allowance, "monotonic", lambda: now[0])
    return now


def test_what_is_spent_is_gone(clock: list[float]) -> None:
    with allowance.together():
        for seconds in (0.3, 0.4, 0.2):
            with allowance.spending():
                clock[0] += seconds
        with allowance.spending():
            assert allowance.at_most(0.25) == pytest.approx(0.1)
            clock[0] += 0.2
            with pytest.raises(EvaluationLimitError):
                allowance.current().spend(1)
        with pytest.raises(EvaluationLimitError), allowance.spending():
            pass
    with allowance.spending():
        assert allowance.at_most(9) == allowance.PATCH_SECONDS
        allowance.current().spend(allowance.MAX_STEPS)
        with pytest.raises(EvaluationLimitError):
            allowance.current().spend(1)
    assert allowance.at_most(0.25) == 0.25
