from __future__ import annotations

import asyncio
import select
import threading

import asyncpg
import pytest

from kuska.infra.postgres.pool import Pool


@pytest.fixture
async def pool(fresh_dsn: str):
    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(fresh_dsn)

    made = Pool(connect, 2)
    yield made
    await asyncio.wait_for(made.close(), 10)


async def test_the_last_returned_is_lent_first(pool: Pool) -> None:
    first, second = await pool.take(1), await pool.take(1)
    pool.give_back(first)
    pool.give_back(second)
    assert await pool.take(1) is second
    pool.give_back(second)


async def test_who_waits_longest_is_served_first(pool: Pool) -> None:
    held = [await pool.take(1), await pool.take(1)]
    served: list[str] = []

    async def wait(name: str) -> None:
        conn = await pool.take(5)
        served.append(name)
        pool.give_back(conn)

    waiters = [asyncio.create_task(wait(name)) for name in "abc"]
    await asyncio.sleep(0)
    for conn in held:
        pool.give_back(conn)
    await asyncio.gather(*waiters)
    assert served == ["a", "b", "c"]


async def test_waiting_has_an_end_and_loses_nothing(pool: Pool) -> None:
    held = [await pool.take(1), await pool.take(1)]
    with pytest.raises(TimeoutError):
        await pool.take(0.02)
    for conn in held:
        pool.give_back(conn)
    again = [await pool.take(1), await pool.take(1)]
    assert set(again) == set(held)
    for conn in again:
        pool.give_back(conn)


async def test_one_who_gives_up_at_the_moment_of_being_served_passes_it_on(pool: Pool) -> None:
    held = [await pool.take(1), await pool.take(1)]
    quitter = asyncio.create_task(pool.take(5))
    patient = asyncio.create_task(pool.take(5))
    await asyncio.sleep(0)
    pool.give_back(held[0])  # the quitter's turn is decided here
    quitter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await quitter
    assert await patient is held[0]
    for conn in held:
        pool.give_back(conn)


async def test_an_open_transaction_is_not_inherited(pool: Pool) -> None:
    conn = await pool.take(1)
    await conn.execute("begin; create table left_behind ()")
    pool.give_back(conn)
    for _ in range(2):
        other = await pool.take(1)
        assert await other.fetchval("select to_regclass('left_behind')") is None
        assert not other.is_in_transaction()
        pool.give_back(other)


async def test_an_interrupted_statement_is_not_inherited(pool: Pool) -> None:
    async def work() -> None:
        conn = await pool.take(1)
        try:
            await conn.fetch("select pg_sleep(30)")
        finally:
            pool.give_back(conn, interrupted=True)

    for _ in range(5):
        running = asyncio.create_task(work())
        await asyncio.sleep(0.02)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    both = [await pool.take(5), await pool.take(5)]
    assert [await conn.fetchval("select 1") for conn in both] == [1, 1]
    for conn in both:
        pool.give_back(conn)


async def test_a_dead_connection_makes_room_for_a_new_one(pool: Pool) -> None:
    dead = [await pool.take(1), await pool.take(1)]
    waiting = asyncio.create_task(pool.take(5))
    await asyncio.sleep(0)
    for conn in dead:
        conn.terminate()
        await asyncio.sleep(0)
        pool.give_back(conn)
    born = await waiting
    assert await born.fetchval("select 1") == 1
    pool.give_back(born)


async def test_a_farewell_that_is_not_read_yet_is_seen(
    pool: Pool, fresh_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends connections while the loop is busy with something else: nobody gets one of them."""
    monkeypatch.setattr("kuska.infra.postgres.pool._SURE", 0.0)
    held = [await pool.take(1), await pool.take(1)]
    pids = [conn.get_server_pid() for conn in held]
    sockets = [conn._transport.get_extra_info("socket") for conn in held]
    for conn in held:
        pool.give_back(conn)

    async def end() -> None:
        conn = await asyncpg.connect(fresh_dsn)
        await conn.fetch("select pg_terminate_backend(pid) from unnest($1::int[]) as pid", pids)
        await conn.close()

    elsewhere = threading.Thread(target=lambda: asyncio.run(end()))
    elsewhere.start()
    elsewhere.join()
    for socket in sockets:
        assert select.select([socket], [], [], 5)[0]
    assert not any(conn.is_closed() for conn in held)  # the loop has not had its turn
    for _ in range(2):
        conn = await pool.take(1)
        assert await conn.fetchval("select 1") == 1
        pool.give_back(conn)
    assert conn not in held


async def test_a_server_that_is_not_there_costs_no_room() -> None:
    async def connect() -> asyncpg.Connection:
        raise OSError("nobody")

    pool = Pool(connect, 1)
    for _ in range(3):
        with pytest.raises(OSError, match="nobody"):
            await pool.take(0.5)
    await pool.close()
