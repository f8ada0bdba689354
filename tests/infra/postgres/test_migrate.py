from __future__ import annotations

import asyncio
import dataclasses

import asyncpg
import pytest

from kuska.infra.postgres.errors import MigrationError
from kuska.infra.postgres.migrate import Migration, Phase, migrate, pending

FIRST = Migration("test", "20260101_01_pre_first.sql", "create table first (id int);")
SECOND = Migration("test", "20260101_02_post_second.sql", "create table second (id int);")
CITUS = Migration("test", "20260101_03_pre_distribute.citus.sql", "select create_distributed_table('first', 'id');")
BROKEN = Migration("test", "20260102_01_pre_broken.sql", "create table third (id int); select 1 / 0;")
ALONE = Migration("test", "20260102_02_pre_index.sql", "-- no transaction\ncreate index concurrently on first (id);")


@pytest.fixture
async def empty(fresh_dsn: str) -> str:
    """A database that knows nothing yet."""
    conn = await asyncpg.connect(fresh_dsn)
    await conn.execute("drop schema if exists kuska cascade")
    await conn.close()
    return fresh_dsn


async def value(dsn: str, query: str) -> object:
    conn = await asyncpg.connect(dsn)
    try:
        return await conn.fetchval(query)
    finally:
        await conn.close()


async def refusal(dsn: str, *migrations: Migration) -> str:
    with pytest.raises(MigrationError) as caught:
        await migrate(dsn, migrations)
    return caught.value.issues[0].message


async def test_each_file_is_applied_once(empty: str) -> None:
    assert await migrate(empty, [FIRST, SECOND]) == [FIRST.name, SECOND.name]
    assert await migrate(empty, [FIRST, SECOND]) == []


async def test_pre_goes_before_the_code_and_post_after_it(empty: str) -> None:
    assert await migrate(empty, [FIRST, SECOND], phase=Phase.PRE) == [FIRST.name]
    assert await migrate(empty, [FIRST, SECOND], phase=Phase.POST) == [SECOND.name]


async def test_many_at_once_apply_it_once(empty: str) -> None:
    applied = await asyncio.gather(*(migrate(empty, [FIRST, SECOND]) for _ in range(4)))
    assert sorted(map(len, applied)) == [0, 0, 0, 2]


async def test_a_broken_file_leaves_nothing(empty: str) -> None:
    assert await refusal(empty, FIRST, BROKEN) == "migration.failed"
    assert await value(empty, "select to_regclass('first') is not null and to_regclass('third') is null") is True


async def test_an_applied_file_may_not_change(empty: str) -> None:
    await migrate(empty, [FIRST])
    assert await refusal(empty, dataclasses.replace(FIRST, sql="create table other (id int);")) == "migration.changed"


async def test_a_database_of_a_newer_version_is_left_alone(empty: str) -> None:
    await migrate(empty, [FIRST, SECOND])
    assert await refusal(empty, FIRST) == "migration.from-newer-version"


async def test_a_citus_step_waits_for_citus(empty: str) -> None:
    has_citus = await value(empty, "select exists (select from pg_extension where extname = 'citus')")
    applied = await migrate(empty, [FIRST, CITUS])
    assert (CITUS.name in applied) is has_citus


async def test_what_cannot_be_in_a_transaction(empty: str) -> None:
    await migrate(empty, [FIRST, ALONE])
    assert await value(empty, "select count(*) from pg_indexes where tablename = 'first'") == 1


async def test_a_table_in_use_is_not_waited_for_for_ever(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kuska.infra.postgres.migrate._LOCK_TIMEOUT", "50ms")
    await migrate(empty, [FIRST])
    reader = await asyncpg.connect(empty)
    async with reader.transaction():
        await reader.fetch("select * from first")
        alter = dataclasses.replace(SECOND, sql="alter table first add column name text;")
        assert await refusal(empty, FIRST, alter) == "migration.failed"
    await reader.close()


async def test_the_products_own_schema_is_complete(dsn: str) -> None:
    assert await pending(dsn) == []
