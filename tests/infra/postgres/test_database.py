from __future__ import annotations

import asyncio

import pytest

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database, Limits
from kuska.infra.postgres.errors import DuplicateError
from kuska.kit.errors import BusyError, UnavailableError


async def test_what_was_written_is_read(fresh_db: Database) -> None:
    async with fresh_db.write() as tx:
        await tx.execute("create table note (text text)")
        await tx.execute("insert into note values ('hola')")
    async with fresh_db.read() as conn:
        assert await conn.fetchval("select text from note") == "hola"


async def test_an_error_undoes_the_whole_transaction(fresh_db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with fresh_db.write() as tx:
            await tx.execute("create table note (text text)")
            1 / 0  # noqa: B018
    async with fresh_db.read() as conn:
        assert await conn.fetchval("select to_regclass('note')") is None


async def test_a_reading_connection_cannot_write(fresh_db: Database) -> None:
    with pytest.raises(UnavailableError):
        async with fresh_db.read() as conn:
            await conn.fetch("create table note (text text)")


async def test_a_snapshot_sees_one_moment(fresh_db: Database) -> None:
    async with fresh_db.write() as tx:
        await tx.execute("create table note (text text)")
    async with fresh_db.snapshot() as conn:
        assert await conn.fetchval("select count(*) from note") == 0
        async with fresh_db.write() as tx:
            await tx.execute("insert into note values ('hola')")
        assert await conn.fetchval("select count(*) from note") == 0


async def test_deadlocks_are_invisible(fresh_db: Database) -> None:
    async with fresh_db.write() as tx:
        await tx.execute("create table account (id int primary key, amount int)")
        await tx.execute("insert into account values (1, 0), (2, 0)")

    def adding(first: int, second: int):
        async def work(tx: Write) -> None:
            await tx.execute("set local deadlock_timeout = '10ms'")
            await tx.execute("update account set amount = amount + 1 where id = $1", first)
            await asyncio.sleep(0.03)
            await tx.execute("update account set amount = amount + 1 where id = $1", second)

        return work

    await asyncio.gather(*(fresh_db.transact(adding(*pair)) for pair in [(1, 2), (2, 1)] * 2))
    async with fresh_db.read() as conn:
        assert [row["amount"] for row in await conn.fetch("select amount from account")] == [4, 4]


async def test_a_duplicate_says_which_rule_it_broke(fresh_db: Database) -> None:
    async with fresh_db.write() as tx:
        await tx.execute("create table note (text text constraint one_text unique)")
        await tx.execute("insert into note values ('hola')")
    with pytest.raises(DuplicateError) as caught:
        await fresh_db.single(lambda tx: tx.execute("insert into note values ('hola')"))
    assert caught.value.constraint == "one_text"


async def test_a_statement_that_takes_too_long_is_cut_off(fresh_dsn: str) -> None:
    database = await Database.open(fresh_dsn, Limits(statement_seconds=0.3))
    with pytest.raises(BusyError):
        async with database.read() as conn:
            await conn.fetch("select pg_sleep(5)")
    await database.close()


async def test_no_free_connection_means_come_back_later(fresh_dsn: str) -> None:
    database = await Database.open(fresh_dsn, Limits(read_connections=1, acquire_seconds=0.05))
    async with database.read():
        with pytest.raises(BusyError):
            async with database.read():
                pass
    await database.close()


async def test_a_lost_connection_is_replaced(fresh_db: Database) -> None:
    kill = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    with pytest.raises(UnavailableError):
        async with fresh_db.read() as conn:
            async with fresh_db.write() as tx:
                await tx.fetch(kill)
            await conn.fetch("select 1")
    async with asyncio.timeout(60):
        while not all(conn.is_closed() for conn, _ in fresh_db._reading._free):
            await asyncio.sleep(0.01)  # until the idle ones have heard of it
    async with fresh_db.read() as conn:
        assert await conn.fetchval("select 1") == 1


async def test_nobody_there(tmp_path) -> None:
    with pytest.raises(UnavailableError):
        await Database.open(f"postgresql://kuska@/kuska?host={tmp_path}")
