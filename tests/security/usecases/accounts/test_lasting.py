"""What does not change by itself, and what cannot be guessed."""

from __future__ import annotations

import base64

import pytest
from tests.security.usecases.accounts.conftest import HERE, World

from kuska.kit.errors import IncorrectError

pytestmark = pytest.mark.requirement("HC-04")


async def test_a_password_does_not_wear_out(world: World) -> None:
    """Forced changes make passwords worse (NIST SP 800-63B-4)."""
    await world.person()
    world.passes(days=5 * 365)
    cookie = await world.signed_in()
    assert await world.session(cookie)


@pytest.mark.parametrize("word", ["Kuska-Kuska-26", "demo demo 2026", "kuska demo 123", "DEMO kuska!!"])
async def test_a_password_is_not_made_of_the_houses_words(world: World, word: str) -> None:
    await world.person()
    await world.accounts.ask_reset("ana@example.org", HERE)
    await world.mailroom.send_due()
    with pytest.raises(IncorrectError) as refused:
        await world.accounts.redeem(world.post.token(), word, HERE)
    assert [issue.message for issue in refused.value.issues] == ["password.own-name"]


async def test_sessions_are_256_bits_of_chance(world: World) -> None:
    await world.person()
    cookies = [await world.signed_in() for _ in range(20)]
    raw = [base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4)) for cookie in cookies]
    assert {len(each) for each in raw} == {32}
    # Nothing in common: of 20 x 20 bytes at one place hardly any two are equal.
    assert all(len({each[place] for each in raw}) > 10 for place in range(32))
