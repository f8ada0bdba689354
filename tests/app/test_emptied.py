"""What `fresh` means on Citus, where no database is cloned: emptied, but for what the migrations put there."""

from __future__ import annotations

import asyncpg
from tests.conftest import _SEEDED, _empty
from tests.fhir import given

from kuska.fhir.api import open_record, upsert_many
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SystemClock
from kuska.kit.json import decode, encode
from kuska.security.api import visit_off

_COUNTED = ("fhir", "security")


async def test_an_emptied_database_is_as_a_new_one(fresh_db: Database, fresh_dsn: str) -> None:
    before = await _rows(fresh_dsn)
    record = await (await open_record(fresh_db)).for_visit(visit_off(SystemClock()))
    await upsert_many(record, [decode(encode(given.identified("a", id="a")))])
    async with fresh_db.write() as tx:
        await tx.execute(
            """insert into security.account (id, kind, tenant, login, display_name, status, country, created, updated)
               values ('a', 'person', 'demo', 'a', 'A', 'active', 'PE', now(), now())"""
        )
        await tx.execute(
            """insert into security.session (hash, id, account, pending, methods, shown, created, authenticated, seen, ends,
                   address, agent)
               values ('\\x00', 's', 'a', false, '{}', '{}', now(), now(), now(), now(), '', '')"""
        )
    assert await _rows(fresh_dsn) != before
    await _empty(fresh_dsn)
    after = await _rows(fresh_dsn)
    del before["fhir.setting"], after["fhir.setting"]  # its zone and keys stay
    assert after == before
    assert {after[f"security.{name}"] for name in _SEEDED} == {1}


async def _rows(dsn: str) -> dict[str, int]:
    conn = await asyncpg.connect(dsn)
    try:
        tables = await conn.fetch(
            "select schemaname || '.' || tablename as name from pg_tables where schemaname = any($1)", _COUNTED
        )
        return {row["name"]: await conn.fetchval(f"select count(*) from {row['name']}") for row in tables}
    finally:
        await conn.close()
