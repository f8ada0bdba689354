from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from kuska.infra.keys.master import MasterError, Wrapped
from kuska.infra.keys.masters import Masters
from kuska.infra.keys.settings import KeysSettings
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SetClock
from kuska.security.errors import KeyMissingError
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.keys import LEAD, REST, Keys, open_keys

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TENANT = "hospital"


class Counting:
    """A provider that can go away."""

    def __init__(self, inner: object) -> None:
        self.inner = inner
        self.name = "file"
        self.asked = 0
        self.away = False

    def _ask(self) -> None:
        self.asked += 1
        if self.away:
            raise MasterError("keys.provider-away", provider="file", reason="test")

    async def wrap(self, key: bytes, context: str) -> Wrapped:
        self._ask()
        return await self.inner.wrap(key, context)

    async def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        self._ask()
        return await self.inner.unwrap(wrapped, context)

    async def renew(self) -> None:
        await self.inner.renew()

    async def forget_old(self) -> None:
        await self.inner.forget_old()


def masters(folder: Path) -> tuple[Masters, Counting]:
    made = Masters(KeysSettings(), folder)
    counting = Counting(made.named("file"))
    made._opened["file"] = counting
    return made, counting


@asynccontextmanager
async def opened(db: Database, folder: Path, clock: SetClock) -> AsyncIterator[tuple[Keys, Counting]]:
    chosen, counting = masters(folder)
    async with open_keys(db, chosen, TENANT, clock) as keys:
        yield keys, counting


@pytest.mark.requirement("LW-30")
async def test_keys_are_made_once_and_found_by_the_next_process(fresh_db: Database, tmp_path: Path) -> None:
    clock = SetClock(NOON)
    # Both start on an empty database at the same moment.
    async with opened(fresh_db, tmp_path, clock) as (one, _):
        sealed = one.seal("factors", b"secret", b"account/1")
    first, second = opened(fresh_db, tmp_path, clock), opened(fresh_db, tmp_path, clock)
    (one, _), (two, _) = await asyncio.gather(first.__aenter__(), second.__aenter__())
    assert one.open("factors", sealed, b"account/1") == two.open("factors", sealed, b"account/1") == b"secret"
    await asyncio.gather(first.__aexit__(None, None, None), second.__aexit__(None, None, None))


async def test_two_first_starts_at_once_make_one_set(fresh_db: Database, tmp_path: Path) -> None:
    clock = SetClock(NOON)
    runs = [opened(fresh_db, tmp_path, clock) for _ in range(3)]
    processes = await asyncio.gather(*[run.__aenter__() for run in runs])
    sealed = {keys.seal("record", b"x", b"c") for keys, _ in processes}
    assert len(sealed) == 1
    await asyncio.gather(*[run.__aexit__(None, None, None) for run in runs])


async def test_no_key_lies_readable_in_the_database(fresh_db: Database, tmp_path: Path) -> None:
    async with opened(fresh_db, tmp_path, SetClock(NOON)) as (keys, _):
        raw = list(keys._known.values())
        rows = await keys.status()
    assert rows
    assert not [key for key in raw for row in rows if key in row.wrapped.text or key[:32] in row.wrapped.text]


async def test_the_provider_is_away_at_the_start_and_later(fresh_db: Database, tmp_path: Path) -> None:
    clock = SetClock(NOON)
    async with opened(fresh_db, tmp_path, clock) as (keys, provider):
        asked, provider.away = provider.asked, True
        sealed = keys.seal("record", b"x", b"c")
        await keys.reload()
        assert keys.open("record", sealed, b"c") == b"x"
        assert provider.asked == asked, "never asked while serving"
    chosen, provider = masters(tmp_path)
    provider.away = True
    with pytest.raises(MasterError) as caught:
        async with open_keys(fresh_db, chosen, TENANT, clock):
            pass
    assert caught.value.issues[0].message == "keys.provider-away"


async def test_rotation_while_another_process_serves(fresh_db: Database, tmp_path: Path) -> None:
    clock = SetClock(NOON)
    async with opened(fresh_db, tmp_path, clock) as (tool, _), opened(fresh_db, tmp_path, clock) as (server, _):
        old = server.seal("record", b"x", b"c")
        assert await tool.rotate(["record"]) == {"record": 2}
        # The server has not heard of it: it goes on, and nobody uses the new key yet.
        assert tool.seal("record", b"x", b"c") == server.seal("record", b"x", b"c") == old
        clock.advance(LEAD)
        new = tool.seal("record", b"x", b"c")
        assert new != old
        # Late, or behind a slow network: it fetches the key by itself, a second attempt reads.
        with pytest.raises(KeyMissingError):
            server.open("record", new, b"c")
        assert server._reloading is not None
        await server._reloading
        assert server.open("record", new, b"c") == server.open("record", old, b"c") == b"x"
        assert server.seal("record", b"x", b"c") == new
        assert server.cipher("record").mixed


async def test_a_slow_look_at_the_table_does_not_undo_a_newer_one(fresh_db: Database, tmp_path: Path) -> None:
    """A look that began before a rotation ends after it."""
    clock = SetClock(NOON)
    async with opened(fresh_db, tmp_path, clock) as (tool, _), opened(fresh_db, tmp_path, clock) as (server, provider):
        server._known.clear()
        wait, inner = asyncio.Event(), provider.inner

        class Slow:
            first = True

            async def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
                if self.first:
                    self.first = False
                    await wait.wait()
                return await inner.unwrap(wrapped, context)

        provider.inner = Slow()
        slow = asyncio.create_task(server.reload())
        while provider.asked == len(await server.status()):
            await asyncio.sleep(0)
        await tool.rotate(["record"])
        newer = asyncio.create_task(server.reload())
        await asyncio.wait([newer], timeout=0.3)  # it would be through by then, if it did not wait for its turn
        wait.set()
        await asyncio.gather(slow, newer)
        assert server.cipher("record").numbers == (1, 2)


async def test_the_epoch_tells_of_new_keys(fresh_db: Database, tmp_path: Path) -> None:
    clock, epoch = SetClock(NOON), Epoch(fresh_db)
    chosen, _ = masters(tmp_path)
    async with (
        opened(fresh_db, tmp_path, clock) as (tool, _),
        open_keys(fresh_db, chosen, TENANT, clock, epoch) as keys,
    ):
        await tool.rotate(["record"])
        epoch.forget()
        assert keys._reloading is not None
        await keys._reloading
        assert keys.cipher("record").numbers == (1, 2)


async def test_an_interrupted_rotation_is_taken_up_not_begun_again(fresh_db: Database, tmp_path: Path) -> None:
    clock = SetClock(NOON)
    async with opened(fresh_db, tmp_path, clock) as (keys, _):
        await keys.rotate(["record"])
        assert await keys.rotate(["record"]) == {"record": 2}
        clock.advance(LEAD)
        await keys.settle("record")
        states = {key.number: key.state for key in await keys.status() if key.purpose == "record"}
        assert states == {1: "retired", 2: "active"}
        assert not keys.cipher("record").mixed
        assert await keys.rotate(["record"]) == {"record": 3}


async def test_a_retired_key_opens_until_it_is_destroyed(fresh_db: Database, tmp_path: Path) -> None:
    clock = SetClock(NOON)
    async with opened(fresh_db, tmp_path, clock) as (keys, _):
        old = keys.seal("record", b"x", b"c")
        await keys.rotate(["record"])
        clock.advance(LEAD)
        await keys.settle("record")
        assert keys.open("record", old, b"c") == b"x"
        assert await keys.destroy() == []
        clock.advance(REST + timedelta(seconds=1))
        assert await keys.destroy() == [("record", 1)]
        with pytest.raises(KeyMissingError):
            keys.open("record", old, b"c")
        assert [bytes(key.wrapped.text) for key in await keys.status() if key.state == "destroyed"] == [b""]


async def test_rewrap_changes_the_master_key_and_nothing_else(fresh_db: Database, tmp_path: Path) -> None:
    clock = SetClock(NOON)
    async with opened(fresh_db, tmp_path, clock) as (keys, _):
        sealed = keys.seal("record", b"x", b"c")
        before = {key.wrapped.master for key in await keys.status()}
        assert await keys.rewrap() == len(await keys.status())
        after = {key.wrapped.master for key in await keys.status()}
        assert before.isdisjoint(after)
        assert keys.seal("record", b"x", b"c") == sealed
    async with opened(fresh_db, tmp_path, clock) as (keys, _):
        assert keys.open("record", sealed, b"c") == b"x"


@pytest.mark.requirement("LW-31")
async def test_every_change_of_keys_is_in_the_trail(fresh_db: Database, tmp_path: Path) -> None:
    clock = SetClock(NOON)
    async with opened(fresh_db, tmp_path, clock) as (keys, _):
        await keys.rotate(["record"])
        clock.advance(LEAD)
        await keys.settle("record")
        await keys.rewrap()
        clock.advance(REST + timedelta(seconds=1))
        await keys.destroy()
    async with fresh_db.read() as conn:
        rows = await conn.fetch("select action, interaction from security.event where kind = 'key' order by at, id")
    assert [tuple(row) for row in rows] == [
        ("C", "make"),
        ("C", "rotate"),
        ("U", "settle"),
        ("U", "rewrap"),
        ("D", "destroy"),
    ]


async def test_from_one_provider_to_another(fresh_db: Database, tmp_path: Path) -> None:
    clock = SetClock(NOON)
    async with opened(fresh_db, tmp_path, clock) as (keys, _):
        sealed = keys.seal("record", b"x", b"c")
    other = Masters(KeysSettings(provider="none"), tmp_path)
    async with open_keys(fresh_db, other, TENANT, clock) as keys:
        assert not keys.seals
        assert keys.open("record", sealed, b"c") == b"x"
        await keys.rewrap()
    (tmp_path / "keys" / "master").unlink()
    async with open_keys(fresh_db, other, TENANT, clock) as keys:
        assert keys.open("record", sealed, b"c") == b"x"


async def test_whether_everything_is_as_it_would_be_now(fresh_db: Database, tmp_path: Path) -> None:
    """Sealed, then not sealed any more, then sealed again: each time the bodies of before are recognised as old."""

    async def mixed(provider: Literal["file", "none"]) -> tuple[bool, bool]:
        chosen = Masters(KeysSettings(provider=provider), tmp_path)
        async with open_keys(fresh_db, chosen, TENANT, SetClock(NOON)) as keys:
            before = keys.cipher("record").mixed
            await keys.settle("record")
            return before, keys.cipher("record").mixed

    assert [
        await mixed("file"),
        await mixed("file"),
        await mixed("none"),
        await mixed("none"),
        await mixed("file"),
    ] == [
        (True, False),
        (False, False),
        (True, False),
        (False, False),
        (True, False),
    ]


async def test_another_tenant_has_keys_of_its_own(fresh_db: Database, tmp_path: Path) -> None:
    chosen, _ = masters(tmp_path)
    async with (
        opened(fresh_db, tmp_path, SetClock(NOON)) as (ours, _),
        open_keys(fresh_db, chosen, "other", SetClock(NOON)) as theirs,
    ):
        assert ours.seal("record", b"x", b"c") != theirs.seal("record", b"x", b"c")
