"""Bytes on disk per resource after loading a synthetic population: tables, their indexes, history and outbox.

`schema` is what the record's tables and indexes take, `database` the whole database with the system's own catalogue. The write-ahead log is not
in it: it is bounded (max_wal_size) and does not grow with the data.
"""

from __future__ import annotations

from typing import Any

import asyncpg
import uvloop

from bench.measure import data_folder, options
from bench.population import Loaded, send_common, send_people
from bench.result import publish
from bench.server import serving

_TABLES = """
select c.relname as name, pg_table_size(c.oid) as table_bytes, pg_indexes_size(c.oid) as index_bytes,
       pg_total_relation_size(c.oid) as bytes, greatest(c.reltuples, 0)::bigint as rows
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'fhir' and c.relkind in ('r', 'm', 'S') order by bytes desc
"""
_INDEXES = """
select c.relname as name, pg_relation_size(c.oid) as bytes
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'fhir' and c.relkind = 'i' order by bytes desc
"""
_BODIES = "select count(*) as n, sum(length(body)) as bytes, min(length(body)), max(length(body)) from fhir.resource"


async def measure(dsn: str, resources: int, *, analyze: bool = True) -> dict[str, Any]:
    conn = await asyncpg.connect(dsn)
    try:
        await conn.execute("checkpoint")
        if analyze:
            await conn.execute("analyze")
        tables = await conn.fetch(_TABLES)
        indexes = await conn.fetch(_INDEXES)
        bodies = await conn.fetchrow(_BODIES)
        whole = await conn.fetchval("select pg_database_size(current_database())")
    finally:
        await conn.close()
    schema = sum(row["bytes"] for row in tables)
    stored = bodies["n"] if bodies else resources
    return {
        "resources": stored,
        "bytes_per_resource": round(schema / stored),
        "database_bytes_per_resource": round(whole / stored),
        "body_bytes_per_resource": round((bodies["bytes"] or 0) / stored) if bodies else 0,
        "tables": {
            row["name"]: {
                "rows_per_resource": round(row["rows"] / stored, 2),
                "table_bytes_per_resource": round(row["table_bytes"] / stored, 1),
                "index_bytes_per_resource": round(row["index_bytes"] / stored, 1),
            }
            for row in tables
            if row["bytes"] > 0
        },
        "indexes": {row["name"]: round(row["bytes"] / stored, 1) for row in indexes},
    }


def main(arguments: list[str] | None = None) -> None:
    chosen = options(__doc__, seconds=0, runs=1, connections=[4], patients=1000).parse_args(arguments)
    loaded = Loaded()
    with data_folder(chosen.folder) as folder, serving(folder) as server:
        common = send_common(server)
        send_people(server, 0, chosen.patients, loaded, connections=chosen.connections[0])
        figures = uvloop.run(measure(server.place.admin, loaded.resources + common))
    publish(
        "disk", {"patients": loaded.patients, "resources": loaded.resources + common}, figures, keep=not chosen.trial
    )


if __name__ == "__main__":
    main()
