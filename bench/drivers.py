"""What one call costs with each PostgreSQL driver: `SELECT 1`, a row of 1.5 KB, and a write function with 26 arrays.

Evidence of docs/adr/0004-database-driver.md. psycopg is no dependency of Kuska; to compare:
`uv run --with "psycopg[binary]" python -m bench.drivers`. Durable commits (synchronous_commit=on) on an own data folder.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from bench.result import Cpu, note, publish
from bench.server import database

_SCHEMA = """
create table kept (rid bigint primary key, body bytea);
create table idx (rid bigint, param int, system int, code text);
create index on idx (param, code, rid);
create sequence n;
create function put(rids bigint[], bodies bytea[], {arrays}) returns table (state int, version int, updated timestamptz)
language plpgsql as $$
begin
    insert into kept select nextval('n'), b from unnest(bodies) b;
    insert into idx select rids[1], u.* from unnest(a0, a1, t0) u;
    return query select 1, 1, now();
end $$;
"""
_INT, _TEXT, _FLOAT = 12, 6, 6
_BODY = b"x" * 700
_ROW = b"y" * 1500


def arguments() -> tuple[list[Any], str]:
    """About what one Observation sends: 2 + 24 arrays, few with rows."""
    ints = [[1, 2, 3, 4]] * 3 + [[1]] * (_INT - 3)
    texts = [["a", "bb", "http://loinc.org", "8480-6"]] * 2 + [["x"]] * (_TEXT - 2)
    floats: list[list[float]] = [[1.5]] * 2 + [[]] * (_FLOAT - 2)
    kinds = ["bigint[]", "bytea[]"] + ["int[]"] * _INT + ["text[]"] * _TEXT + ["float8[]"] * _FLOAT
    return [[1], [_BODY], *ints, *texts, *floats], ",".join(kinds)


def call(mark: Callable[[int], str]) -> str:
    kinds = arguments()[1].split(",")
    return f"select * from put({','.join(f'{mark(i + 1)}::{kind}' for i, kind in enumerate(kinds))})"


async def together(
    make: Callable[[], Awaitable[Callable[[], Awaitable[Any]]]], seconds: float, callers: int
) -> dict[str, float]:
    """The same from `callers` connections at once."""
    works = [await make() for _ in range(callers)]
    begun, cpu = time.perf_counter(), time.process_time()
    counts = [0] * callers

    async def run(place: int) -> None:
        while time.perf_counter() - begun < seconds:
            await works[place]()
            counts[place] += 1

    await asyncio.gather(*(run(place) for place in range(callers)))
    taken = time.perf_counter() - begun
    return {
        "per_second": round(sum(counts) / taken),
        "client_us": round((time.process_time() - cpu) / sum(counts) * 1e6, 1),
    }


async def with_asyncpg(dsn: str, seconds: float) -> dict[str, Any]:
    values, _ = arguments()
    conns: list[asyncpg.Connection] = []

    def maker(query: str, *args: Any) -> Callable[[], Awaitable[Callable[[], Awaitable[Any]]]]:
        async def make() -> Callable[[], Awaitable[Any]]:
            conn = await asyncpg.connect(dsn)
            conns.append(conn)
            return lambda: conn.fetch(query, *args)

        return make

    figures = await cases(maker, lambda i: f"${i}", values, seconds)
    pool = await asyncpg.create_pool(dsn, min_size=8, max_size=8)
    quiet = await asyncpg.create_pool(dsn, min_size=8, max_size=8, reset=_nothing)
    for name, source in (("pool", pool), ("pool_without_reset", quiet)):

        async def make(source: asyncpg.Pool = source) -> Callable[[], Awaitable[Any]]:
            async def work() -> None:
                async with source.acquire() as conn:
                    await conn.fetch("select 1")

            return work

        figures[f"select_1_{name}"] = await together(make, seconds, 8)
        await source.close()
    for conn in conns:
        await conn.close()
    return figures


async def _nothing(_: object) -> None:
    pass


async def cases(
    maker: Callable[..., Any], mark: Callable[[int], str], values: list[Any], seconds: float
) -> dict[str, Any]:
    return {
        "select_1": await together(maker("select 1"), seconds, 8),
        "row_of_1500_bytes": await together(maker(f"select body from kept where rid = {mark(1)}", 0), seconds, 8),
        "write_function_1_caller": await together(maker(call(mark), *values), seconds, 1),
        "write_function_8_callers": await together(maker(call(mark), *values), seconds, 8),
    }


async def with_psycopg(dsn: str, seconds: float, *, pipeline: bool) -> dict[str, Any]:
    import psycopg  # noqa: PLC0415 - no dependency of ours

    values, _ = arguments()
    conns: list[Any] = []

    def maker(query: str, *args: Any) -> Callable[[], Awaitable[Callable[[], Awaitable[Any]]]]:
        async def make() -> Callable[[], Awaitable[Any]]:
            conn = await psycopg.AsyncConnection.connect(dsn, autocommit=True, prepare_threshold=0)
            conns.append(conn)
            cursor = conn.cursor(binary=True)

            async def work() -> Any:
                if pipeline:
                    async with conn.pipeline():
                        await cursor.execute(query, args, binary=True)
                        return await cursor.fetchall()
                await cursor.execute(query, args, binary=True)
                return await cursor.fetchall()

            return work

        return make

    figures = await cases(maker, lambda _: "%b", values, seconds)
    for conn in conns:
        await conn.close()
    return figures


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="per case")
    parser.add_argument("--trial", action="store_true", help="do not keep the result")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="kuska-bench-") as folder, database(Path(folder)) as place:
        uvloop.run(prepare(place.dsn))
        before, begun = Cpu.now(database=place.pids()), time.perf_counter()
        figures: dict[str, Any] = {"asyncpg": uvloop.run(with_asyncpg(place.dsn, options.seconds))}
        if find_spec("psycopg") is None:
            note("psycopg is not installed: only asyncpg is measured (see --help)")
        else:
            figures["psycopg"] = uvloop.run(with_psycopg(place.dsn, options.seconds, pipeline=False))
            figures["psycopg_pipeline"] = uvloop.run(with_psycopg(place.dsn, options.seconds, pipeline=True))
        figures |= Cpu.now(database=place.pids()).noise(before, time.perf_counter() - begun)
    publish(
        "drivers", {"arrays": 2 + _INT + _TEXT + _FLOAT, "synchronous_commit": "on"}, figures, keep=not options.trial
    )


async def prepare(dsn: str) -> None:
    names = (
        [f"a{i} int[]" for i in range(_INT)]
        + [f"t{i} text[]" for i in range(_TEXT)]
        + [f"f{i} float8[]" for i in range(_FLOAT)]
    )
    conn = await asyncpg.connect(dsn)
    await conn.execute(_SCHEMA.format(arrays=", ".join(names)))
    await conn.fetch("insert into kept values ($1, $2)", 0, _ROW)
    await conn.close()


if __name__ == "__main__":
    main()
