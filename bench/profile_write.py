"""Where the microseconds of one write go: the record's own functions one by one, then the whole through HTTP.

Each step runs on the resources of a synthetic population (`mix`) and on one Observation and one Patient of it. The database step is
`Records.save` of one resource at a time on a real, durable database: its time is split into our own process's work (driver, columns) and the
server's. What the HTTP figure has beyond the sum of the steps is HTTP itself: parsing, routing, headers, the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import uvloop

from bench.load import Ask, Script, request
from bench.measure import data_folder, options, runs
from bench.population import SEED
from bench.result import Cpu, publish
from bench.server import Place, Server, database, serving
from kuska.app.demo.population.people import people
from kuska.fhir.api import Record, open_record
from kuska.fhir.domain.indexing.extractor import Extractor
from kuska.fhir.domain.validation import validate
from kuska.fhir.store.bodies import Bodies, tail
from kuska.fhir.store.columns import columns, digest
from kuska.fhir.store.records import Change
from kuska.infra.postgres.database import Database
from kuska.infra.postgres.migrate import migrate
from kuska.kit.json import Node, decode, encode
from kuska.security.api import visit_off

_ID = "0193b1f2-7c00-8abc-8def-0123456789ab"


def resources(count: int) -> list[bytes]:
    """Of the mix, each able to stand alone: what they refer to has ids of ours, which the record allows to be missing."""
    raw: list[bytes] = []
    for life in people(max(1, count // 40), SEED):
        types = {f"urn:uuid:{uuid}": f"{node['resourceType']}/{uuid}" for uuid, node in life.nodes}
        raw += [encode(_literal(node, types)) for _, node in life.nodes]
    return raw[:count]


def _literal(value: Any, types: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _reference(item, types) if key == "reference" and isinstance(item, str) else _literal(item, types)
            for key, item in value.items()
        }
    return [_literal(item, types) for item in value] if isinstance(value, list) else value


def _reference(text: str, types: dict[str, str]) -> str:
    """Conditional references exist only in transactions."""
    type_, question, _ = text.partition("?")
    return f"{type_}/{_ID}" if question else types.get(text, text)


def each(work: Callable[[Any], Any], items: Sequence[Any], least: float = 0.4) -> float:
    """Microseconds of one call, the best of several passes over all items."""
    best = float("inf")
    end = time.perf_counter() + least
    while time.perf_counter() < end or best == float("inf"):
        begun = time.perf_counter()
        for item in items:
            work(item)
        best = min(best, time.perf_counter() - begun)
    return round(best / len(items) * 1e6, 1)


def steps(record: Record, raw: Sequence[bytes]) -> dict[str, float]:
    nodes = [decode(one) for one in raw]
    extractor = Extractor(record.definitions, record.identities, ())
    tails = [tail(node) for node in nodes]
    rows = [extractor.rows(node) for node in nodes]
    bodies = Bodies()
    return {
        "bytes": round(sum(map(len, raw)) / len(raw), 1),
        "stored_bytes": round(sum(len(bodies.pack(one, "Basic", 1)) for one in tails) / len(tails), 1),
        "decode": each(decode, raw),
        "validate": each(validate, nodes),
        "extract": each(extractor.rows, nodes),
        "encode": each(tail, nodes),
        "compress": each(lambda one: bodies.pack(one, "Basic", 1), tails),
        "digest": each(digest, rows),
        "columns": each(lambda one: columns([one]), rows),
    }


async def saving(record: Record, place: Place, nodes: Sequence[Node], callers: int) -> dict[str, float]:
    """`Records.save` one by one from several callers: what our process and what the server spend on it."""
    pending = iter(nodes)

    async def caller() -> None:
        for node in pending:
            await record.write([Change("create", str(node["resourceType"]), None, node)])

    before, begun = Cpu.now(database=place.pids()), time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    taken = time.perf_counter() - begun
    used = Cpu.now(database=place.pids()).since(before)
    count = len(nodes)
    return {
        "saves_per_second": round(count / taken),
        "own_process": round(used["client"] / count * 1e6, 1),
        "database": round(used["database"] / count * 1e6, 1),
    }


async def inside(place: Place, raw: Sequence[bytes]) -> dict[str, Any]:
    await migrate(place.dsn)
    db = await Database.open(place.dsn)
    try:
        record = await (await open_record(db)).for_visit(visit_off())
        of = {
            "mix": list(raw),
            "Observation": [one for one in raw if b'"resourceType":"Observation"' in one[:40]],
            "Patient": [one for one in raw if b'"resourceType":"Patient"' in one[:40]],
        }
        found: dict[str, Any] = {"steps": {name: steps(record, some) for name, some in of.items()}}
        await saving(record, place, [decode(one) for one in raw[:300]], 8)
        found["save_mix"] = await saving(record, place, [decode(one) for one in raw], 8)
        return found
    finally:
        await db.close()


def through_http(server: Server, raw: Sequence[bytes], connections: int, seconds: float) -> dict[str, Any]:
    asks = []
    for one in raw:
        type_ = msgspec.json.decode(one)["resourceType"]
        asks.append(Ask("create", request("POST", f"/fhir/{type_}", one), (201,)))

    def client(first: int) -> Script:
        place = first * 31
        while True:
            place += 1
            yield asks[place % len(asks)]

    return runs(server, client, connections=connections, seconds=seconds, count=2, label="create")


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__, seconds=6, runs=1, connections=[16], patients=0)
    parser.add_argument("--resources", type=int, default=2000, help="resources of the mix")
    chosen = parser.parse_args(arguments)
    raw = resources(chosen.resources)
    with data_folder(chosen.folder) as folder:
        with database(folder) as place:
            figures = uvloop.run(inside(place, raw))
        with serving(folder) as server:
            figures["http"] = through_http(server, raw, chosen.connections[0], chosen.seconds)
    publish("profile_write", {"resources": len(raw)}, figures, keep=not chosen.trial)


if __name__ == "__main__":
    main()
