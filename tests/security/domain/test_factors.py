"""Rules of factors by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.security.domain.factors import accepted_step, folded_code, folded_name, new_codes, step_of

pytestmark = pytest.mark.requirement("HC-07")
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
# RFC 6238, appendix B, the last six digits of SHA-1
VECTORS = [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037")]


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_the_standards_own_examples(seconds: int, code: str) -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # '12345678901234567890'
    moment = datetime.fromtimestamp(seconds, UTC)
    assert accepted_step(secret, code, moment, 0) == step_of(moment)


@given(st.integers(-10, 10), st.integers(-10, 10))
def test_only_a_near_step_later_than_the_last(early: int, last: int) -> None:
    current = step_of(NOW)
    code = pyotp.TOTP(SECRET).at(NOW + timedelta(seconds=30 * early))
    found = accepted_step(SECRET, code, NOW, current + last)
    if found is not None:
        assert abs(found - current) <= 1
        assert found > current + last
    if abs(early) <= 1 and early > last:
        assert found is not None


@given(st.text(max_size=30))
def test_any_text_is_a_code_or_not_but_never_an_error(text: str) -> None:
    accepted_step(SECRET, text, NOW, 0)
    assert len(folded_code(text)) <= 13
    name = folded_name(text, "Passkey")
    assert 1 <= len(name) <= 60
    assert "\n" not in name


def test_recovery_codes() -> None:
    codes = new_codes()
    assert len(set(codes)) == 10
    for code in codes:
        assert [len(part) for part in code.split("-")] == [4, 4, 4]
        assert folded_code(code) == folded_code(code.upper().replace("-", " ")) == code.replace("-", "")
