from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from tests.security.usecases.accounts.conftest import ELSEWHERE, GOOD, HERE, World

from kuska.infra.postgres.database import Database
from kuska.kit.errors import UnavailableError
from kuska.security.errors import NobodyError
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.sessions import Sessions

pytestmark = pytest.mark.requirement("HC-04")


def beside(world: World) -> Sessions:
    """As another process sees them."""
    return Sessions(world.db, world.settings, world.clock, world.trail, Epoch(world.db))


async def test_a_session_ends_when_nobody_comes(world: World) -> None:
    await world.person()
    cookie = await world.signed_in()
    for _ in range(5):
        world.passes(minutes=29)
        assert await world.sessions.find(cookie, HERE)
    world.passes(minutes=30)
    assert await world.sessions.find(cookie, HERE) is None
    assert await beside(world).find(cookie, HERE) is None


async def test_a_session_ends_in_any_case(world: World) -> None:
    await world.person()
    cookie = await world.signed_in()
    for _ in range(12 * 4 - 1):
        world.passes(minutes=15)
        assert await world.sessions.find(cookie, HERE)
    world.passes(minutes=15)
    assert await world.sessions.find(cookie, HERE) is None


async def test_what_one_process_saw_keeps_the_session_for_the_others(world: World) -> None:
    await world.person()
    cookie = await world.signed_in()
    other = beside(world)
    assert await other.find(cookie, HERE)
    for _ in range(3):
        world.passes(minutes=20)
        assert await world.sessions.find(cookie, HERE)
    assert await other.find(cookie, HERE)


async def test_seen_is_written_once_a_minute(world: World, fresh_dsn: str) -> None:
    await world.person()
    cookie = await world.signed_in()
    conn = await asyncpg.connect(fresh_dsn)
    versions = set[str]()
    for _ in range(12):
        world.passes(seconds=10)
        await world.sessions.find(cookie, ELSEWHERE)
        versions.add(str(await conn.fetchval("select xmin from security.session")))
    assert len(versions) == 3  # as it was made, after a minute, after two
    assert await conn.fetchval("select address from security.session") == ELSEWHERE
    await conn.close()


async def test_what_is_kept_in_memory_ends_on_time_too(world: World) -> None:
    await world.person()
    cookie = await world.signed_in()
    for _ in range(35):
        world.passes(minutes=20)
        assert await world.sessions.find(cookie, HERE)
    world.passes(minutes=19, seconds=59.9)
    assert await world.sessions.find(cookie, HERE)
    world.passes(seconds=0.1)
    assert await world.sessions.find(cookie, HERE) is None


async def test_found_without_asking_the_database(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.person()
    cookie = await world.signed_in()
    assert await world.sessions.find(cookie, HERE)
    monkeypatch.setattr(Database, "read", None)
    assert await world.sessions.find(cookie, HERE)


@pytest.mark.parametrize("cookie", ["", "x", "\x00", "\ud800", "x" * 100_000])
async def test_what_is_no_cookie(world: World, cookie: str) -> None:
    assert await world.sessions.find(cookie, HERE) is None
    assert await world.sessions.half(cookie) is None
    await world.sessions.end(cookie, HERE)
    with pytest.raises(NobodyError):
        await world.sessions.complete(cookie, "otp")


async def test_the_cookie_is_not_in_the_database(world: World, fresh_dsn: str) -> None:
    await world.person()
    cookie = await world.signed_in()
    conn = await asyncpg.connect(fresh_dsn)
    assert cookie not in str(await conn.fetch("select * from security.session"))
    await conn.close()


async def test_signing_out(world: World) -> None:
    await world.person()
    cookie = await world.signed_in()
    assert await world.sessions.find(cookie, HERE)
    await world.sessions.end(cookie, HERE)
    assert await world.sessions.find(cookie, HERE) is None
    assert world.trail.said()[-1] == ("logout", "logout", "")
    await world.sessions.end(cookie, HERE)
    assert [kind for kind, _, _ in world.trail.said()].count("logout") == 1


async def test_the_second_factor_makes_a_new_value(world: World) -> None:
    await world.person()
    world.factors.add("ana@example.org")
    half = await world.signed_in()
    waiting = await world.sessions.half(half)
    assert waiting
    assert waiting.pending
    world.passes(minutes=1)
    cookie = await world.sessions.complete(half, "otp")
    assert await world.sessions.half(cookie) is None, "it has nothing to show any more"
    session = await world.session(cookie)
    assert session.methods == ("pwd", "otp")
    assert session.shown[1] - session.shown[0] == timedelta(minutes=1)
    assert session.ends == world.clock.now() + timedelta(hours=12)
    assert await world.sessions.half(half) is None
    with pytest.raises(NobodyError):
        await world.sessions.complete(half, "otp")
    with pytest.raises(NobodyError):
        await world.sessions.complete(cookie, "otp")
    assert world.trail.said()[-1] == ("login", "login", "")


async def test_half_signed_in_does_not_last(world: World) -> None:
    await world.person()
    world.factors.add("ana@example.org")
    half = await world.signed_in()
    with pytest.raises(NobodyError):
        await world.sessions.step_up(half, "otp")
    world.passes(minutes=10)
    assert await world.sessions.half(half) is None
    with pytest.raises(NobodyError):
        await world.sessions.complete(half, "otp")


async def test_completed_once_by_two_at_once(world: World) -> None:
    await world.person()
    world.factors.add("ana@example.org")
    half = await world.signed_in()
    done = await asyncio.gather(
        world.sessions.complete(half, "otp"), world.sessions.complete(half, "otp"), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["NobodyError", "str"]


async def test_stepping_up(world: World) -> None:
    """A new value, a fresh moment, the same end; the old value is worth nothing in any process."""
    await world.person()
    cookie = await world.signed_in()
    other = beside(world)
    before = await world.session(cookie)
    world.passes(minutes=20)
    raised = await world.sessions.step_up(cookie, "webauthn")
    session = await world.session(raised)
    assert session.fresh("webauthn", world.clock.now(), timedelta(minutes=5))
    assert not session.fresh("pwd", world.clock.now(), timedelta(minutes=5))
    assert (session.id, session.ends) == (before.id, before.ends)
    assert await world.sessions.find(cookie, HERE) is None
    assert await other.find(cookie, HERE) is None
    world.passes(minutes=6)
    assert not session.fresh("webauthn", world.clock.now(), timedelta(minutes=5))


async def test_my_sessions(world: World) -> None:
    await world.person()
    await world.person("luis@example.org")
    first, second, third = [await world.signed_in() for _ in range(3)]
    foreign = await world.signed_in("luis@example.org")
    mine = await world.session(first)
    assert {one.id for one in await world.sessions.of_account(mine.account.id)} == {
        (await world.session(cookie)).id for cookie in (first, second, third)
    }
    assert not await world.sessions.revoke(mine, (await world.session(foreign)).id)
    assert await world.sessions.find(foreign, HERE)
    assert await world.sessions.revoke(mine, (await world.session(second)).id)
    assert await world.sessions.find(second, HERE) is None
    await world.sessions.revoke_others(mine, first)
    assert await world.sessions.find(third, HERE) is None
    assert await world.sessions.find(first, HERE)
    assert await world.sessions.find(foreign, HERE)
    assert {what for _, what, _ in world.trail.said()} >= {"revoke", "revoke-others"}


async def test_a_change_elsewhere_arrives_by_the_epoch(world: World) -> None:
    await world.person(roles=("patient",))
    cookie = await world.signed_in()
    epoch = Epoch(world.db)
    other = Sessions(world.db, world.settings, world.clock, world.trail, epoch)
    found = await other.find(cookie, HERE)
    assert found is not None
    await world.accounts.assign_roles(world.visit("accounts.write"), found.account.id, ["physician"])
    epoch.forget()  # what the watch does when the number has moved
    found = await other.find(cookie, HERE)
    assert found is not None
    assert found.account.roles == ("physician",)
    await world.accounts.disable(world.visit("accounts.write"), found.account.id)
    epoch.forget()
    assert await other.find(cookie, HERE) is None


@pytest.mark.parametrize("how", ["end", "revoke", "revoke_others", "step_up"])
async def test_an_end_arrives_everywhere_within_half_a_second(world: World, fresh_dsn: str, how: str) -> None:
    """And without telling all processes to forget what they know about everybody."""
    await world.person()
    cookie, mine = await world.signed_in(), await world.signed_in()
    other = beside(world)
    assert await other.find(cookie, HERE)
    conn = await asyncpg.connect(fresh_dsn)
    before = await conn.fetchval("select value from security.epoch")
    if how == "end":
        await world.sessions.end(cookie, HERE)
    elif how == "revoke":
        await world.sessions.revoke(await world.session(mine), (await world.session(cookie)).id)
    elif how == "revoke_others":
        await world.sessions.revoke_others(await world.session(mine), mine)
    else:
        await world.sessions.step_up(cookie, "otp")
    assert await world.sessions.find(cookie, HERE) is None
    world.passes(seconds=0.5)
    assert await other.find(cookie, HERE) is None
    assert await conn.fetchval("select value from security.epoch") == before
    await conn.close()


async def test_roles_and_disabling_move_the_epoch(world: World, fresh_dsn: str) -> None:
    account = await world.person()
    conn = await asyncpg.connect(fresh_dsn)
    seen = [await conn.fetchval("select value from security.epoch")]
    write = world.visit("accounts.write")
    for change in (
        world.accounts.assign_roles(write, account.id, ["physician"]),
        world.accounts.disable(write, account.id),
        world.accounts.enable(write, account.id),
        world.accounts.end_sessions(write, account.id),
    ):
        await change
        seen.append(await conn.fetchval("select value from security.epoch"))
    assert seen == sorted(set(seen))
    await conn.close()


async def test_ended_ones_are_cleared_away(world: World, fresh_dsn: str) -> None:
    await world.person()
    await world.signed_in()
    world.passes(hours=13)
    kept = await world.signed_in(password=GOOD)
    await world.mailroom.sweep()
    conn = await asyncpg.connect(fresh_dsn)
    assert await conn.fetchval("select count(*) from security.session") == 1
    assert await world.sessions.find(kept, HERE)
    await conn.close()


async def test_a_database_that_cannot_write_does_not_turn_people_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.person()
    cookie = await world.signed_in()

    async def full(*_: object) -> None:
        raise UnavailableError

    monkeypatch.setattr(Database, "single", full)
    world.passes(minutes=2)
    assert await world.sessions.find(cookie, HERE)
