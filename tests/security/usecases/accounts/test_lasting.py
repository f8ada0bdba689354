"""What does not change by itself, and what cannot be guessed."""

from __future__ import annotations

import base64

import pytest
from tests.security.usecases.accounts.conftest import World

pytestmark = pytest.mark.requirement("HC-04")


async def test_a_password_does_not_wear_out(world: World) -> None:
    """Forced changes make passwords worse (NIST SP 800-63B-4)."""
    await world.person()
    world.passes(days=5 * 365)
    cookie = await world.signed_in()
    assert await world.session(cookie)


async def test_sessions_are_256_bits_of_chance(world: World) -> None:
    await world.person()
    cookies = [await world.signed_in() for _ in range(20)]
    raw = [base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4)) for cookie in cookies]
    assert {len(each) for each in raw} == {32}
    # Nothing in common: of 20 x 20 bytes at one place hardly any two are equal.
    assert all(len({each[place] for each in raw}) > 10 for place in range(32))
