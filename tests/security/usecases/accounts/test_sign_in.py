from __future__ import annotations

import asyncio
import contextlib

import pytest
from tests.security.usecases.accounts.conftest import ELSEWHERE, GOOD, HERE, Post, World, build

from kuska.infra.postgres.database import Database
from kuska.security.settings import SecuritySettings
from kuska.security.usecases.accounts.errors import WrongPasswordError
from kuska.security.usecases.limits import ThrottledError

pytestmark = pytest.mark.requirement("HC-04")


async def fail(world: World, login: str = "ana@example.org", address: str = ELSEWHERE) -> None:
    with pytest.raises(WrongPasswordError):
        await world.accounts.sign_in(login, "not the password", address, "curl")


async def test_the_right_password_opens_a_session(world: World) -> None:
    account = await world.person(roles=("physician",))
    done = await world.accounts.sign_in("  Ana@Example.ORG ", GOOD, HERE, "Firefox")
    assert not done.needs_factor
    assert done.account == account
    session = await world.session(done.session_cookie)
    assert (session.account.id, session.methods, session.agent) == (account.id, ("pwd",), "Firefox")
    assert session.caller(HERE).roles == ("physician",)
    assert world.trail.said()[-1] == ("login", "login", "")


async def test_the_document_is_a_login_however_it_is_written(world: World) -> None:
    await world.person("17801146")
    for written in ("17801146", "17801146-0", " 17801146 0"):
        assert await world.signed_in(written)


@pytest.mark.parametrize(
    "login", ["ana@example.org", "nobody@example.org", "", "\x00", "x" * 5000, "ana@example.org\n", "\ud800"]
)
async def test_all_refusals_are_one(world: World, login: str) -> None:
    """Wrong password, no such login, what cannot be one: the same work, the same error, a line in the trail."""
    await world.person()
    world.hasher.verifications.clear()
    with pytest.raises(WrongPasswordError) as told:
        await world.accounts.sign_in(login, "wrong", ELSEWHERE, "curl")
    assert [issue.message for issue in told.value.issues] == ["account.wrong-password"]
    assert len(world.hasher.verifications) == 1
    assert world.trail.said()[-1] == ("login", "password", "account.wrong-password")
    assert world.trail.events[-1].caller.address == ELSEWHERE


async def test_the_work_does_not_tell_who_exists(world: World) -> None:
    """Nobody's hash has the parameters of everybody's, so that verifying takes as long."""
    await world.person()
    await world.person("invited@example.org", password=None)
    disabled = await world.person("gone@example.org")
    await world.accounts.disable(world.visit("accounts.write"), disabled.id)
    world.hasher.verifications.clear()
    for login in ("ana@example.org", "nobody@example.org", "invited@example.org", "gone@example.org"):
        await fail(world, login)
    with pytest.raises(WrongPasswordError):
        await world.accounts.sign_in("gone@example.org", GOOD, HERE, "Firefox")
    costs = {stored.rsplit("$", 2)[0] for stored in world.hasher.verifications}
    assert len(world.hasher.verifications) == 5
    assert len(costs) == 1


async def test_a_huge_password_costs_no_more(world: World) -> None:
    await world.person()
    with pytest.raises(WrongPasswordError):
        await world.accounts.sign_in("ana@example.org", "x" * 1_000_000, HERE, "curl")


async def test_waits_grow_and_end(world: World) -> None:
    await world.person()
    for _ in range(5):
        await fail(world)
    waits: list[int] = []
    for _ in range(12):
        await fail(world)
        with pytest.raises(ThrottledError) as told:
            await world.accounts.sign_in("ana@example.org", GOOD, ELSEWHERE, "curl")
        waits.append(told.value.retry_after)
        world.passes(seconds=told.value.retry_after)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    assert await world.signed_in(address=ELSEWHERE)


async def test_waiting_looks_the_same_for_who_does_not_exist(world: World) -> None:
    for _ in range(6):
        await fail(world, "nobody@example.org")
    with pytest.raises(ThrottledError) as told:
        await world.accounts.sign_in("nobody@example.org", GOOD, ELSEWHERE, "curl")
    assert told.value.retry_after == 1
    assert world.trail.said()[-1] == ("login", "password", "security.throttled")


async def test_a_stranger_cannot_shut_the_owner_out(world: World) -> None:
    """The owner signs in from where they always do, however often somebody else fails elsewhere."""
    await world.person()
    await world.signed_in()
    for _ in range(6):
        await fail(world)
    with pytest.raises(ThrottledError):
        await world.signed_in(address=ELSEWHERE)
    assert await world.signed_in()
    # Which gives the stranger no new tries.
    with pytest.raises(ThrottledError):
        await world.signed_in(address=ELSEWHERE)


async def test_the_known_address_has_its_own_limit(world: World) -> None:
    await world.person()
    await world.signed_in()
    for _ in range(6):
        await fail(world, address=HERE)
    with pytest.raises(ThrottledError):
        await world.signed_in()


async def test_one_password_on_many_logins(fresh_db: Database) -> None:
    """Counted by address, of IPv6 by what one subscriber has."""
    world = build(fresh_db, SecuritySettings(argon2_memory=7_168, argon2_passes=1, address_failures=5), Post())
    await world.person()
    for number in range(6):
        await fail(world, f"person{number}@example.org", f"2001:db8:1:2::{number}")
    with pytest.raises(ThrottledError):
        await world.signed_in(address="2001:db8:1:2::ffff")
    assert await world.signed_in(address="2001:db8:1:3::1")
    world.hasher.close()


async def test_an_own_account_does_not_buy_tries_at_others(fresh_db: Database) -> None:
    world = build(fresh_db, SecuritySettings(argon2_memory=7_168, argon2_passes=1, address_failures=5), Post())
    await world.person()
    for number in range(3):
        await fail(world, f"person{number}@example.org", HERE)
        await world.signed_in()
    await fail(world, "person4@example.org", HERE)
    await fail(world, "person5@example.org", HERE)
    await fail(world, "person6@example.org", HERE)
    await world.signed_in()
    with pytest.raises(ThrottledError):
        await fail(world, "person7@example.org", HERE)
    world.hasher.close()


async def test_a_hundred_tries_at_once_are_not_a_hundred_tries(world: World) -> None:
    await world.person()
    world.hasher.verifications.clear()
    done = await asyncio.gather(
        *(world.accounts.sign_in("ana@example.org", f"guess {n}", ELSEWHERE, "curl") for n in range(40)),
        return_exceptions=True,
    )
    assert {type(one) for one in done} == {WrongPasswordError, ThrottledError}
    assert len(world.hasher.verifications) == 6


async def test_signing_in_twice_at_once(world: World) -> None:
    await world.person()
    first, second = await asyncio.gather(world.signed_in(), world.signed_in())
    assert first != second
    assert (await world.session(first)).id != (await world.session(second)).id


async def test_failures_are_forgotten(world: World) -> None:
    await world.person()
    for _ in range(5):
        await fail(world)
    world.passes(hours=2)
    for _ in range(5):
        await fail(world)
    assert await world.signed_in(address=ELSEWHERE)
    for _ in range(5):
        await fail(world)


async def test_a_hash_of_other_parameters_is_renewed(world: World, fresh_db: Database) -> None:
    await world.person()
    dearer = build(fresh_db, SecuritySettings(argon2_memory=8_192, argon2_passes=1), Post())
    await dearer.signed_in()
    await dearer.signed_in()
    assert "m=7168" in dearer.hasher.verifications[0]
    assert "m=8192" in dearer.hasher.verifications[1]
    dearer.hasher.close()


async def test_who_needs_a_factor_is_only_half_in(world: World) -> None:
    await world.person()
    world.factors.add("ana@example.org")
    done = await world.accounts.sign_in("ana@example.org", GOOD, HERE, "Firefox")
    assert done.needs_factor
    assert await world.sessions.find(done.session_cookie, HERE) is None
    half = await world.sessions.half(done.session_cookie)
    assert half is not None
    assert half.pending
    assert world.trail.said()[-1] == ("login", "first-factor", "")


async def test_wrong_passwords_behind_one_address_do_not_hold_up_who_signs_in_there(fresh_db: Database) -> None:
    """A hospital has one address; somebody there types, or tries, what is wrong."""
    world = build(fresh_db, SecuritySettings(argon2_memory=7_168, argon2_passes=1, address_failures=5), Post())
    await world.person()
    await world.person("new@example.org")
    assert await world.signed_in()
    for number in range(8):
        with contextlib.suppress(WrongPasswordError, ThrottledError):
            await world.accounts.sign_in(f"other{number}@example.org", "wrong", HERE, "curl")
    assert await world.signed_in()
    # Who has not been in from there waits; and that somebody else came in does not lift it.
    with pytest.raises(ThrottledError):
        await world.signed_in("new@example.org")
    # The pair has its own count.
    for _ in range(7):
        with contextlib.suppress(WrongPasswordError, ThrottledError):
            await fail(world, address=HERE)
    with pytest.raises(ThrottledError):
        await world.signed_in()
    world.hasher.close()
