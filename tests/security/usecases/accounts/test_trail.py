"""With the trail itself: what is done and what is told are one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.security.usecases.accounts.conftest import GOOD, HERE, NEW, Post, World, build

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.security.settings import SecuritySettings
from kuska.security.usecases.accounts.errors import WrongPasswordError
from kuska.security.usecases.trail.running import open_trail

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("HC-09")]


@pytest.fixture
async def noted(fresh_db: Database, settings: SecuritySettings, tmp_path: Path) -> AsyncIterator[World]:
    post = Post()
    first = build(fresh_db, settings, post)
    async with open_trail(fresh_db, settings, first.clock, tmp_path) as trail:
        world = build(fresh_db, settings, post, trail)
        yield world
        world.hasher.close()
    first.hasher.close()


async def lines(world: World) -> int:
    async with world.db.read() as conn:
        found: int = await conn.fetchval("select count(*) from security.event")
    return found


async def test_every_step_is_in_the_database_when_it_returns(noted: World) -> None:
    before = await lines(noted)
    await noted.person()
    assert await lines(noted) == before + 1
    with pytest.raises(WrongPasswordError):
        await noted.signed_in(password="wrong")
    assert await lines(noted) == before + 2
    cookie = await noted.signed_in()
    assert await lines(noted) == before + 3
    cookie = await noted.accounts.change_password(cookie, await noted.session(cookie), GOOD, NEW, HERE)
    assert await lines(noted) == before + 4
    await noted.sessions.end(cookie, HERE)
    assert await lines(noted) == before + 5


async def test_what_fails_leaves_neither(noted: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await noted.person()
    before = await lines(noted)

    async def torn(*_: object) -> None:
        raise ZeroDivisionError

    async def sessions(tx: Write) -> int:
        found: int = await tx.fetchval("select count(*) from security.session")
        return found

    monkeypatch.setattr(type(noted.trail), "within", torn)
    with pytest.raises(ZeroDivisionError):
        await noted.signed_in()
    assert await lines(noted) == before
    assert await noted.db.single(sessions) == 0


async def test_an_account_made_at_the_machine_is_the_operators(world: World) -> None:
    await world.person()
    (made,) = [event for event in world.trail.events if event.interaction == "created"]
    assert (made.caller.kind, made.caller.account) == ("system", "operator")
