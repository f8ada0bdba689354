"""The shard rule, read from the catalogue of a migrated database (docs/adr/0002-shard-key.md)."""

from __future__ import annotations

import pytest

from kuska.infra.postgres.database import Database

# No clinical content, one row per fact about the database itself.
_LOCAL = {"setting", "change_mark", "change_reader"}
_UNKEYED = {
    "token",
    "string",
    "date",
    "quantity",
    "reference",
    "composite",
}  # index rows: no key, so nothing to carry it

pytestmark = pytest.mark.requirement("HC-01")


async def test_every_clinical_table_has_the_bucket(db: Database) -> None:
    async with db.read() as conn:
        rows = await conn.fetch("""
            select c.relname as table, coalesce(bool_or(a.attname = 'bucket' and a.attnotnull), false) as has
            from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
            where c.relnamespace = 'fhir'::regnamespace and c.relkind in ('r', 'p')
            group by c.relname
        """)
    tables = {row["table"]: row["has"] for row in rows}
    assert set(tables) - _LOCAL >= _UNKEYED | {"resource", "history", "home", "change"}
    assert [name for name, has in tables.items() if not has and name not in _LOCAL] == []


async def test_every_key_and_unique_index_contains_the_bucket(db: Database) -> None:
    async with db.read() as conn:
        rows = await conn.fetch("""
            select t.relname as table, i.relname as index, array_agg(a.attname::text) as columns
            from pg_index x
            join pg_class i on i.oid = x.indexrelid
            join pg_class t on t.oid = x.indrelid
            join pg_attribute a on a.attrelid = t.oid and a.attnum = any (x.indkey)
            where t.relnamespace = 'fhir'::regnamespace and x.indisunique
            group by t.relname, i.relname
        """)
    keyed = {row["table"] for row in rows}
    assert keyed - _LOCAL == {"resource", "history", "home", "change", "display"}
    assert [row["index"] for row in rows if row["table"] not in _LOCAL and "bucket" not in row["columns"]] == []


async def test_no_foreign_key_crosses_shards(db: Database) -> None:
    async with db.read() as conn:
        found = await conn.fetch(
            "select conname from pg_constraint where connamespace = 'fhir'::regnamespace and contype = 'f'"
        )
    assert found == []
