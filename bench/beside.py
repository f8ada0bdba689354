"""What security takes from the record, measured side by side: the same requests with it, without it, and with it but for
the trail, in turns of a fraction of a second.

Two servers one after the other measure the weather too: on a shared machine its speed changes by more within a minute than
security costs. Here one process has the application twice, on one database, and takes a few hundred requests of each in
turn; what a group of requests costs later (the journal brought in, the chain) is counted with it. No HTTP: a request begins
at the ASGI interface, so the shares are rather too large. `write` is create, read, update, delete of one resource each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from bench import access
from bench.measure import data_folder, options
from bench.population import stored_paths
from bench.result import note, publish, spread
from bench.server import Place, attached
from kuska.app import wiring
from kuska.app.beside import beside
from kuska.app.configuration import load
from kuska.app.demo.population.facilities import facilities
from kuska.app.demo.population.people import people
from kuska.app.frame import Frame
from kuska.app.server import settle_memory
from kuska.infra.telemetry.logs import configure
from kuska.kit.json import encode
from kuska.kit.messages import silent
from kuska.security.usecases.trail.trail import AuditTrail
from kuska.security.usecases.unrestricted import Unnoted
from kuska.security.visit import Visit

_PORT = 8080
_TYPES = ("Patient", "Encounter", "Observation", "Condition")
Job = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One of the ways in."""

    app: Frame
    token: str = ""

    async def __call__(self, method: str, path: str, body: bytes = b"", expected: int = 200) -> bytes:
        headers = [(b"host", b"localhost:8080"), (b"accept", b"*/*")]
        if self.token:
            headers.append((b"authorization", b"Bearer " + self.token.encode()))
        if body:
            headers.append((b"content-type", b"application/fhir+json"))
            headers.append((b"content-length", b"%d" % len(body)))
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": headers, "scheme": "http", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", _PORT),
            "http_version": "1.1",
        }  # fmt: skip
        status, parts = 0, list[bytes]()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                parts.append(message.get("body", b""))

        await self.app(scope, receive, send)  # pyright: ignore[reportArgumentType]
        if status != expected:
            raise RuntimeError(f"{method} {path}: {status} {b''.join(parts)[:300]!r}")
        return b"".join(parts)


class _Unwatched:
    """The same door, whose visitors leave no line."""

    def __init__(self, door: Any) -> None:
        self._door = door

    async def enter(self, headers: Any, **given: Any) -> Visit:
        visit: Visit = await self._door.enter(headers, **given)
        visit.trail, visit.noted = Unnoted(), False
        return visit


@asynccontextmanager
async def _ways(place: Place) -> AsyncGenerator[tuple[dict[str, Asked], AuditTrail]]:
    given = {**os.environ, **access.ENVIRONMENT, "KUSKA_DATA": str(place.folder), "KUSKA_LOG_LEVEL": "error"}
    on, off = load(given), load({**given, "KUSKA_SECURITY": "off"})
    async with wiring.application(off, _PORT) as without, wiring.application(on, _PORT) as with_:
        await access.let_in(place.admin)
        await asyncio.sleep(1.5)  # until it has heard of it
        async with beside(on, argparse.Namespace(port=_PORT), silent) as security:
            token = await security.oauth.operator.for_client("bench", "system/*.cruds")
        frame: Any = with_
        app: Any = with_.fhir
        trail: AuditTrail = app._trail
        unwatched = type(app)(app._archive, _Unwatched(app._door), trail=trail, issuer=app._issuer)
        half = Frame(
            fhir=unwatched, site=frame._site, metrics=frame._metrics, slow_seconds=frame._slow, loopback_only=False
        )
        yield {"off": Asked(without), "on": Asked(with_, token), "without_trail": Asked(half, token)}, trail


async def _population(asked: Asked, patients: int) -> list[str]:
    await asked("POST", "/fhir", encode(facilities(1)))
    paths: list[str] = []
    for one in people(patients, 1):
        paths += stored_paths(await asked("POST", "/fhir", encode(one.bundle())))
    return paths


async def _works(asked: Asked, paths: list[str]) -> Mapping[str, Callable[[Asked], Awaitable[None]]]:
    chance = random.Random(3)
    models: list[tuple[str, bytes]] = []
    for type_ in _TYPES:
        for path in [path for path in paths if path.startswith(f"/fhir/{type_}/")][:40]:
            node = json.loads(await asked("GET", path))
            del node["id"], node["meta"]
            models.append((type_, encode(node)))

    async def read(way: Asked) -> None:
        await way("GET", chance.choice(paths))

    async def write(way: Asked) -> None:
        type_, body = chance.choice(models)
        made = await way("POST", f"/fhir/{type_}", body, 201)
        path = f"/fhir/{type_}/{json.loads(made)['id']}"
        await way("GET", path)
        await way("PUT", path, made.replace(b'"resourceType"', b'"language":"es","resourceType"', 1))
        await way("DELETE", path, b"", 204)

    return {"read": read, "write": write}


async def _crowd(clients: int, number: int, work: Job) -> None:
    left = iter(range(number))

    async def client() -> None:
        for _ in left:
            await work()

    await asyncio.gather(*(client() for _ in range(clients)))


def _nanoseconds(pids: set[int]) -> dict[int, int]:
    """Processor time of each of these, finer than the clock's ticks."""
    found: dict[int, int] = {}
    for pid in pids:
        try:
            found[pid] = int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[0])
        except (OSError, IndexError):
            continue
    return found


def _between(before: Mapping[int, int], after: Mapping[int, int]) -> int:
    """Of those that are still there: what a helper of the server took that has ended is not known any more."""
    return sum(value - before.get(pid, 0) for pid, value in after.items())


@dataclass(slots=True)
class _Seen:
    process: list[float]
    database: list[float]
    rate: list[float]


async def _compare(
    place: Place, ways: Mapping[str, Asked], trail: AuditTrail, work: Callable[[Asked], Awaitable[None]], *,
    clients: int, rounds: int, number: int, requests: int,
) -> dict[str, Any]:  # fmt: skip
    """`requests`: of one piece of work."""
    seen = {name: _Seen([], [], []) for name in ways}
    for turn in range(rounds + 2):
        for name, way in ways.items():
            database, process, begun = _nanoseconds(place.pids()), time.process_time(), time.perf_counter()
            await _crowd(clients, number, lambda way=way: work(way))
            taken = time.perf_counter() - begun
            await trail.settled()
            if turn < 2:
                continue  # warming up
            count = number * requests
            seen[name].process.append((time.process_time() - process) / count * 1e6)
            seen[name].database.append(_between(database, _nanoseconds(place.pids())) / count / 1e3)
            seen[name].rate.append(count / taken)
    figures: dict[str, Any] = {
        name: {
            "process_us": spread(one.process),
            "database_us": spread(one.database),
            "requests_per_second": spread(one.rate, 0),
        }
        for name, one in seen.items()
    }
    return figures | {"shares_percent": _shares(seen)}


def _shares(seen: Mapping[str, _Seen]) -> dict[str, Any]:
    """Of each turn against its neighbour, so that the weather of both is the same."""
    on, off, without = seen["on"], seen["off"], seen["without_trail"]

    def more(what: list[float], than: list[float]) -> dict[str, float]:
        return spread([100 * (one / other - 1) for one, other in zip(what, than, strict=True)])

    def whole(one: _Seen) -> list[float]:
        return [process + database for process, database in zip(one.process, one.database, strict=True)]

    return {
        "fewer_requests_per_second": spread([100 * (1 - a / b) for a, b in zip(on.rate, off.rate, strict=True)]),
        "more_processor_time": more(whole(on), whole(off)),
        "trail_of_processor_time": more(whole(on), whole(without)),
    }


async def measure(place: Place, *, clients: list[int], patients: int, runs: int, number: int) -> dict[str, Any]:
    """`number`: reads of one turn; of the rest, a tenth."""
    configure("error")
    figures: dict[str, Any] = {}
    async with _ways(place) as (ways, trail):
        works = await _works(ways["off"], await _population(ways["off"], patients))
        settle_memory()
        for name, pieces, requests in (("read", number, 1), ("write", -(-number // 10), 4)):
            for many in clients:
                note(f"  {name}, {many} clients, {runs} turns of each")
                figures.setdefault(name, {})[str(many)] = await _compare(
                    place, ways, trail, works[name], clients=many, rounds=runs, number=pieces, requests=requests
                )
    return figures


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__, seconds=0, runs=25, connections=[16], patients=150)
    parser.add_argument("--number", type=int, default=1000, help="reads of one turn; of the rest, a tenth")
    chosen = parser.parse_args(arguments)
    with (
        data_folder(chosen.folder) as folder,
        attached(folder) as place,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        figures = runner.run(
            measure(place, clients=chosen.connections, patients=chosen.patients, runs=chosen.runs, number=chosen.number)
        )
    workload = {"patients": chosen.patients, "turns": chosen.runs}
    publish("beside", workload, figures, keep=not chosen.trial)


if __name__ == "__main__":
    main()
