"""Locks of conditional writes: one after the other, and never so many that the server's table of locks is full."""

from __future__ import annotations

import asyncio

import pytest

from kuska.fhir.store import locks
from kuska.fhir.store.locks import MOST_LOCKS, lock
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database

pytestmark = pytest.mark.requirement("HC-01")
_HELD = """
select mode from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted
"""


async def held(db: Database, keys: range) -> list[str]:
    async def work(tx: Write) -> list[str]:
        await lock(tx, list(keys))
        return sorted(row[0] for row in await tx.fetch(_HELD))

    return await db.transact(work)


async def test_each_key_is_a_lock_beside_the_shared_one(db: Database) -> None:
    assert await held(db, range(3)) == ["ExclusiveLock"] * 3 + ["ShareLock"]


async def test_very_many_are_one(db: Database) -> None:
    assert len(await held(db, range(MOST_LOCKS))) == MOST_LOCKS + 1
    assert await held(db, range(MOST_LOCKS + 1)) == ["ExclusiveLock"]


_WAITING = """
select exists (select from pg_locks where locktype = 'advisory' and not granted and pid = $1)
"""


async def order_of(db: Database, first: range, second: range) -> list[str]:
    """What happens when the second one comes while the first one is at work: until it is in, or waits for the first."""
    log: list[str] = []
    locked, arrived = asyncio.Event(), asyncio.Event()
    comers: list[int] = []

    async def holder(tx: Write) -> None:
        await lock(tx, list(first))
        locked.set()
        await arrived.wait()
        while not log and not (await tx.fetch(_WAITING, comers[0]))[0][0]:
            await asyncio.sleep(0.001)
        log.append("first done")

    async def comer(tx: Write) -> None:
        comers.append((await tx.fetch("select pg_backend_pid()"))[0][0])
        arrived.set()
        await lock(tx, list(second))
        log.append("second in")

    async def late() -> None:
        await locked.wait()
        await db.transact(comer)

    async with asyncio.timeout(60):
        await asyncio.gather(db.transact(holder), late())
    return log


async def test_who_waits_for_whom(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "MOST_LOCKS", 3)
    waits, passes = ["first done", "second in"], ["second in", "first done"]
    assert await order_of(db, range(3), range(2, 4)) == waits
    assert await order_of(db, range(2), range(5, 7)) == passes
    assert await order_of(db, range(4), range(50, 51)) == waits
    assert await order_of(db, range(50, 51), range(4)) == waits
