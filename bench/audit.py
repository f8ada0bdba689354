"""The audit trail: what noting costs a request, and how many events a second reach the database, are chained and found.

One process without HTTP on an embedded database with its real durability, journal on, and the chain made meanwhile.
`note` and `read` are the calls that an answer waits for, `read` the one of plain reads, which lie in blocks; `noted` counts until the last event is in the database and has its link; `kept`
are events whose commit is waited for, by many at once. `appended` are events inside another statement, 1 and 20 a time.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import uvloop

from bench.measure import data_folder, options
from bench.result import Cpu, latency, note, publish, spread
from bench.server import Place, database
from kuska.infra.postgres.database import Database
from kuska.infra.postgres.migrate import migrate
from kuska.kit.clock import SystemClock
from kuska.security.api import AuditTrail, Caller, Event, TrailQuestion, open_trail
from kuska.security.settings import SecuritySettings
from kuska.security.visit import event_id

_TOGETHER = 50  # events noted between two turns of the loop
_CHAIN_PATIENCE = 120.0
_PATIENTS = 5_000
_ACCOUNTS = 200
_chance = random.Random(1)
Tell = Callable[[AuditTrail, Event], None]


def _event(at: datetime | None = None) -> Event:
    patient = f"01a1feac-fd54-8e3f-8b67-{_chance.randrange(_PATIENTS):012d}"
    return Event(
        id=event_id(),
        at=at or datetime.now(UTC),
        action="R",
        kind="rest",
        interaction="read",
        caller=_caller(_chance.randrange(_ACCOUNTS)),
        purpose="TREAT",
        request="5f3c2a1b9d8e7f60",
        entities=(f"Observation/{event_id()}",),
        patients=(patient,),
    )


@cache
def _caller(number: int) -> Caller:
    """The same one each time, as the door gives it."""
    return Caller(
        kind="person",
        account=f"01a1feac-fd54-7e3f-8b67-{number:012d}",
        client="portal",
        session="01a1feac-fd54-7e3f-8b67-91ccc6dbc086",
        roles=("physician",),
        methods=("pwd", "otp"),
        practitioner=f"practitioner-{number}",
        tenant="demo",
        country="PE",
        address="10.20.30.40",
    )


def _note(trail: AuditTrail, event: Event) -> None:
    trail.note(event)


def _read(trail: AuditTrail, event: Event) -> None:
    what = (event.action, event.interaction, event.caller, event.purpose, event.request, "")
    trail.read(datetime.now(UTC), what, event.entities, event.patients)


async def _chained(db: Database, number: int) -> None:
    """Waits until so many events have their link."""
    async with asyncio.timeout(_CHAIN_PATIENCE):
        while True:
            async with db.read() as conn:
                if await conn.fetchval("select coalesce(sum(count), 0) from security.event_link") >= number:
                    return
            await asyncio.sleep(0.02)


def _cost(trail: AuditTrail, tell: Tell) -> list[float]:
    """Microseconds; made and encoded, written to the journal."""
    found: list[float] = []
    for _ in range(40):
        events = [_event() for _ in range(100)]
        begun = time.perf_counter()
        for event in events:
            tell(trail, event)
        found.append((time.perf_counter() - begun) / len(events) * 1e6)
    return found


async def _noted(db: Database, trail: AuditTrail, tell: Tell, count: int, before: int) -> tuple[float, float]:
    """Events a second: into the database, and with their links."""
    events = [_event() for _ in range(count)]
    begun = time.perf_counter()
    for place in range(0, count, _TOGETHER):
        for event in events[place : place + _TOGETHER]:
            tell(trail, event)
        await asyncio.sleep(0)
    await trail.settled()
    stored = time.perf_counter() - begun
    await _chained(db, before + count)
    return count / stored, count / (time.perf_counter() - begun)


async def _kept(trail: AuditTrail, writers: int, seconds: float) -> tuple[float, list[float]]:
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def writer() -> None:
        while (begun := time.perf_counter()) < end:
            await trail.keep(_event())
            taken.append(time.perf_counter() - begun)

    await asyncio.gather(*(writer() for _ in range(writers)))
    return len(taken) / seconds, taken


async def _appended(db: Database, trail: AuditTrail, together: int, runs: int) -> list[float]:
    """Milliseconds of one statement that only notes, its commit included."""
    found: list[float] = []
    for _ in range(runs):
        [block] = zip(*trail.columns([_event() for _ in range(together)]), strict=True)
        marks = ", ".join(f"${place + 1}" for place in range(len(block)))
        begun = time.perf_counter()
        await db.single(lambda conn, a=block, m=marks: conn.fetchval(f"select security.append_written({m})", *a))
        found.append((time.perf_counter() - begun) * 1000)
    return found


async def _searched(trail: AuditTrail, runs: int) -> dict[str, Any]:
    hour = timedelta(hours=1)
    newest = (await trail.search(TrailQuestion(), limit=1)).events[0]
    questions: dict[str, Callable[[], TrailQuestion]] = {
        "patient": lambda: TrailQuestion(patient=_event().patients[0]),
        "account": lambda: TrailQuestion(account=_event().caller.account),
        "time": lambda: TrailQuestion(since=newest.at - hour, until=newest.at),
        "patient_account_time": lambda: TrailQuestion(
            patient=_event().patients[0], account=_event().caller.account, since=newest.at - hour
        ),
        "failed": lambda: TrailQuestion(outcome="failed"),
    }
    found: dict[str, Any] = {}
    for name, question in questions.items():
        taken: list[float] = []
        for _ in range(runs):
            begun = time.perf_counter()
            await trail.search(question(), limit=50)
            taken.append(time.perf_counter() - begun)
        found[name] = latency(taken)
    return found


_SIZE = """
select sum(pg_table_size(c.oid))::bigint, sum(pg_indexes_size(c.oid))::bigint
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'security' and c.relkind = 'r' and c.relname ~ $1
"""


async def measure(
    place: Place, folder: Path, *, events: int, seconds: float, runs: int, writers: list[int]
) -> dict[str, Any]:
    await migrate(place.dsn)
    db = await Database.open(place.dsn)
    try:
        async with open_trail(db, SecuritySettings(), SystemClock(), folder) as trail:
            return await _figures(db, trail, place, events=events, seconds=seconds, runs=runs, writers=writers)
    finally:
        await db.close()


async def _all_kept(trail: AuditTrail, count: int, seconds: float, runs: int) -> dict[str, Any]:
    rates: list[float] = []
    taken: list[float] = []
    for _ in range(runs):
        rate, each = await _kept(trail, count, seconds)
        rates.append(rate)
        taken += each
    note(f"  kept, {count} writers: {median(rates):,.0f}/s")
    return {"per_second": spread(rates), **latency(taken)}


async def _figures(
    db: Database, trail: AuditTrail, place: Place, *, events: int, seconds: float, runs: int, writers: list[int]
) -> dict[str, Any]:
    figures: dict[str, Any] = {"note_us": spread(_cost(trail, _note), 1), "read_us": spread(_cost(trail, _read), 1)}
    await trail.settled()
    total = 8_000
    await _chained(db, total)
    for kind, tell in (("noted", _note), ("read", _read)):
        speeds: list[float] = []
        chained: list[float] = []
        for number in range(runs):
            before, begun = Cpu.now(database=place.pids()), time.perf_counter()
            stored, linked = await _noted(db, trail, tell, events, total)
            after = Cpu.now(database=place.pids())
            total += events
            speeds.append(stored)
            chained.append(linked)
            used = {who: round(cpu / events * 1e6) for who, cpu in after.since(before).items()}
            others = after.noise(before, time.perf_counter() - begun)["others_cores"]
            rate = f"{stored:,.0f}/s, with links {linked:,.0f}/s"
            note(f"  {kind} {number + 1}/{runs}: {rate}, {used}, others {others} cores")
            figures[f"{kind}_processor_us"] = used
        figures[f"{kind}_per_second"] = spread(speeds)
        figures[f"{kind}_and_chained_per_second"] = spread(chained)
    figures |= {f"kept_{count}_writers": await _all_kept(trail, count, seconds, runs) for count in writers}
    figures["appended_ms"] = {
        "1": round(median(await _appended(db, trail, 1, 100)), 2),
        "20": round(median(await _appended(db, trail, 20, 100)), 2),
    }
    async with db.read() as conn:
        stored_events: int = await conn.fetchval("select count(*) from security.event")
        size = await conn.fetchrow(_SIZE, "^event_([0-9]|other|link)")
        blocks = await conn.fetchrow(_SIZE, "^event_block_")
    figures["events"] = stored_events
    if size is not None:
        figures["bytes_per_event"] = {
            "table": round(size[0] / stored_events),
            "indexes": round(size[1] / stored_events),
        }
    if blocks is not None:
        reads = 4_000 + runs * events
        figures["bytes_per_read"] = {"table": round(blocks[0] / reads), "indexes": round(blocks[1] / reads)}
    figures["search_ms"] = await _searched(trail, 30)
    begun = time.perf_counter()
    report = await trail.verifying.verify()
    figures["verified_per_second"] = round(report.events / (time.perf_counter() - begun))
    if not report.good:
        raise RuntimeError(f"the chain does not verify: {report.findings}")
    return figures


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__, seconds=3, runs=3, connections=[1, 32], patients=_PATIENTS)
    parser.add_argument("--events", type=int, default=50_000, help="noted in one run")
    chosen = parser.parse_args(arguments)
    with data_folder(chosen.folder) as folder, database(folder) as place:
        figures = uvloop.run(
            measure(
                place,
                folder,
                events=chosen.events,
                seconds=chosen.seconds,
                runs=chosen.runs,
                writers=chosen.connections,
            )
        )
    publish("audit", {"events": chosen.events, "writers": chosen.connections}, figures, keep=not chosen.trial)


if __name__ == "__main__":
    main()
