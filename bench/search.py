"""Thirty query shapes over a synthetic population of growing size: latency of each, and how it grows.

Values are sampled at run time from people who are there; answers are checked against those people's lives before anything is timed.
Statistics are not gathered by hand: after each load the benchmark waits until the database has done it by itself, and says how long that took.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from typing import Any
from urllib.parse import quote

import asyncpg
import msgspec
import uvloop

from bench import disk
from bench.load import Ask, Script, play, request
from bench.loading import load
from bench.measure import data_folder, named, options, runs, served
from bench.result import latency, note, publish
from bench.server import HOST, Server, fetch
from bench.shapes import ANY, PAGE, SHAPES, SOME, Sample, Shape, sample
from kuska.app.demo.population.people import Life

_SAMPLES = 60
_CHECKED = 12
_CROWD = 200
_PATIENT_ID = re.compile(rb'"resourceType":"Patient","id":"([^"]+)"')
_FAILING = 3  # examples kept


def identified(server: Server, life: Life) -> str:
    identifier = life.nodes[0][1]["identifier"][0]
    token = quote(f"{identifier['system']}|{identifier['value']}", safe="")
    status, body = fetch(server.port, f"/fhir/Patient?identifier={token}")
    found = _PATIENT_ID.search(body)
    if status != 200 or found is None:
        raise RuntimeError(f"person {life.number} is not found by identifier ({status}): {body[:300]!r}")
    return found.group(1).decode()


def path(query: str) -> str:
    page = "&" if "?" in query else "?"
    return f"/fhir/{query.replace('|', '%7C')}{page}_count={PAGE}"


def checked(server: Server, shape: Shape, samples: list[Sample], *, crowd: bool) -> list[str]:
    """What is wrong with the answers, if anything. In a crowd, questions about everybody have answers."""
    wrong: list[str] = []
    for one in samples[:_CHECKED]:
        query, expected = shape.query(one)
        status, body = fetch(server.port, path(query))
        if status != 200:
            wrong.append(f"{query}: {status} {body[:300].decode(errors='replace')}")
            continue
        entries = msgspec.json.decode(body).get("entry", [])
        matches = sum(1 for entry in entries if entry.get("search", {}).get("mode", "match") == "match")
        if expected == ANY:
            continue
        if (expected == SOME and crowd and matches == 0) or (expected >= 0 and matches != min(expected, PAGE)):
            wrong.append(f"{query}: {matches} matches on the page, expected {'some' if expected == SOME else expected}")
    return wrong


def timed(server: Server, shape: Shape, samples: list[Sample], *, connections: int, seconds: float) -> dict[str, Any]:
    asks = [Ask("search", request("GET", path(shape.query(one)[0]))) for one in samples]

    def client(number: int) -> Script:
        place = number * 7
        while True:
            place += 1
            yield asks[place % len(asks)]

    play(HOST, server.port, client, connections=connections, seconds=min(0.3, seconds))
    tally = play(HOST, server.port, client, connections=connections, seconds=seconds)
    figures: dict[str, Any] = latency(tally.latencies.get("search", ()))
    figures["per_second"] = round(tally.requests / tally.seconds) if tally.seconds else 0
    if tally.failed:
        figures |= {"errors": tally.failed, "error_examples": tally.examples}
    return figures


def mixed(server: Server, samples: list[Sample], *, connections: int, seconds: float, count: int) -> dict[str, Any]:
    asks = [Ask(shape.family, request("GET", path(shape.query(one)[0]))) for one in samples for shape in SHAPES]
    random.Random(3).shuffle(asks)

    def client(number: int) -> Script:
        place = number * 101
        while True:
            place += 1
            yield asks[place % len(asks)]

    return runs(server, client, connections=connections, seconds=seconds, count=count, label="mixed search")


async def await_statistics(dsn: str, limit: float) -> float | None:
    """Seconds until the database had gathered statistics of all that was loaded, by itself."""
    conn = await asyncpg.connect(dsn)
    begun = time.perf_counter()
    try:
        while time.perf_counter() - begun < limit:
            stale = await conn.fetchval(
                "select count(*) from pg_stat_user_tables where schemaname = 'fhir' and n_live_tup > 1000"
                " and n_mod_since_analyze > 0.1 * n_live_tup"
            )
            if not stale:
                return round(time.perf_counter() - begun, 1)
            await asyncio.sleep(1.0)
    finally:
        await conn.close()
    return None


def measure(
    server: Server, people: range, *, connections: int, seconds: float, mixed_connections: int, patience: float
) -> dict[str, Any]:
    statistics = uvloop.run(await_statistics(server.place.dsn, patience))
    size = len(people)
    numbers = random.Random(size).sample(people, min(_SAMPLES, size))
    samples = sample(numbers, lambda life: identified(server, life))
    shapes: dict[str, Any] = {}
    for shape in SHAPES:
        wrong = checked(server, shape, samples, crowd=size >= _CROWD)
        figures = timed(server, shape, samples, connections=connections, seconds=seconds)
        shapes[shape.name] = {"family": shape.family, **figures} | ({"wrong": wrong[:_FAILING]} if wrong else {})
        note(f"  {size:>6,} people | {shape.family:11} {shape.name:52} p50 {figures.get('p50')} p99 {figures.get('p99')} ms"
             + (f"  WRONG {wrong[0][:200]}" if wrong else ""))  # fmt: skip
    return {
        "statistics_gathered_after_s": statistics,
        "shapes": shapes,
        "mixed": mixed(server, samples, connections=mixed_connections, seconds=max(2, 3 * seconds), count=1),
        "worst_p99_ms": max(one.get("p99", 0.0) for one in shapes.values()),
        "wrong": sorted(name for name, one in shapes.items() if "wrong" in one or "errors" in one),
    }


def growing(
    server: Server,
    sizes: list[int],
    *,
    connections: int,
    seconds: float,
    mixed_connections: int,
    start: int = 0,
    patience: float = 120,
) -> dict[str, Any]:
    """Loads up to each size, and measures there; `start` is the first person's number. Waits `patience` seconds at most for statistics."""
    by_size: dict[str, Any] = {}
    common: dict[bytes, bytes] = {}
    resources = people = 0
    for size in sizes:
        begun = time.perf_counter()
        resources += uvloop.run(load(server.place.dsn, start + people, size - people, first=people == 0, common=common))
        taken = round(time.perf_counter() - begun, 1)
        people = size
        by_size[str(size)] = {
            "resources": resources,
            "loaded_in_s": taken,
            "disk": uvloop.run(disk.measure(server.place.admin, resources, analyze=False)),
        } | measure(
            server,
            range(start, start + size),
            connections=connections,
            seconds=seconds,
            mixed_connections=mixed_connections,
            patience=patience,
        )
    return by_size


def growth(by_size: dict[str, Any]) -> dict[str, Any]:
    """Latency at the largest size as a multiple of the smallest."""
    sizes = sorted(by_size, key=int)
    if len(sizes) < 2:
        return {}
    small, large = by_size[sizes[0]]["shapes"], by_size[sizes[-1]]["shapes"]
    return {
        name: {part: round(large[name][part] / max(small[name][part], 0.01), 2) for part in ("p50", "p99")}
        for name in small
        if "p50" in small[name] and "p50" in large[name]
    }


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__, seconds=2, runs=1, connections=[4], patients=0)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 4000], help="people; measured at each, growing")
    parser.add_argument("--mixed-connections", type=int, default=16, help="clients that ask all shapes in turn")
    chosen = parser.parse_args(arguments)
    by_size: dict[str, Any] = {}
    with data_folder(chosen.folder) as folder, served(folder, chosen.security) as server:
        by_size = growing(
            server, sorted(chosen.sizes), connections=chosen.connections[0], seconds=chosen.seconds,
            mixed_connections=chosen.mixed_connections,
        )  # fmt: skip
    workload = {"sizes": chosen.sizes, "page": PAGE, "connections": chosen.connections[0], "seconds": chosen.seconds}
    publish(
        named("search", chosen.security), workload, {"sizes": by_size, "growth": growth(by_size)}, keep=not chosen.trial
    )


if __name__ == "__main__":
    main()
