"""Whoever changes the past is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.security.usecases.trail.linking import chain

from kuska.infra.postgres.database import Database
from kuska.security.contracts import Caller, Event
from kuska.security.usecases.trail.chaining import MOST

Make = Callable[..., Event]
NEXT_DAY = timedelta(days=1)

pytestmark = pytest.mark.requirement("LW-31")


async def three_days(made: Any, an_event: Make) -> list[Event]:
    """Four events a day, each day chained in two batches."""
    events = []
    for _ in range(3):
        for _ in range(2):
            both = [an_event(at=made.clock.now(), patients=("p1",), detail=(("a", "1"),)) for _ in range(2)]
            for event in both:
                await made.trail.keep(event)
            await chain(made, 2)
            events += both
        made.clock.advance(NEXT_DAY)
    return events


async def test_untouched_everything_fits(fresh_db: Database, parts: Callable[..., Any], an_event: Make) -> None:
    made = parts(fresh_db)
    await three_days(made, an_event)
    report = await made.verifying.verify()
    assert report.findings == []
    assert (report.links, report.events, report.heads) == (
        6,
        12,
        6,
    )  # a head for each batch: of the file that grows and of that with the latest minutes
    part = await made.verifying.verify(date(2026, 11, 22), date(2026, 11, 22))
    assert part.good
    assert (part.links, part.events) == (2, 4)


COPY = """
insert into security.event
select '00000000-0000-7000-8000-000000000000', at, xact, seq, outcome, action, kind, interaction, reason, caller,
       account, client, session, roles, methods, as_patient, as_practitioner, organization, tenant, country, purpose,
       address, request, entities, patients, query, detail
from security.event where id = $1
"""
CHANGES = {
    "changed": "update security.event set patients = '{p2}' where id = $1",
    "changed detail": 'update security.event set detail = \'[["a", "2"]]\' where id = $1',
    "changed moment": "update security.event set at = at + interval '1 microsecond' where id = $1",
    "deleted": "delete from security.event where id = $1",
    "inserted": COPY,
    "reordered": """
        update security.event e set seq = o.seq, xact = o.xact from security.event o
        where (e.id = $1 and o.id = $2) or (e.id = $2 and o.id = $1)
    """,
    "link-changed": "update security.event_link set count = count + 1 where number = 3 and $1::text <> ''",
    "link-missing": "delete from security.event_link where number = 3 and $1::text <> ''",
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_change_behind_our_back_is_named(
    fresh_dsn: str, fresh_db: Database, parts: Callable[..., Any], an_event: Make, what: str
) -> None:
    made = parts(fresh_db)
    events = await three_days(made, an_event)
    conn = await asyncpg.connect(fresh_dsn)
    ids = [events[4].id, events[5].id][: 2 if "$2" in CHANGES[what] else 1]
    assert (await conn.execute(CHANGES[what], *ids)).split()[-1] != "0"
    await conn.close()
    report = await made.verifying.verify()
    first = report.findings[0]
    assert first.problem == what.partition(" ")[0]
    assert first.day == date(2026, 11, 22)
    assert first.link in {3, 4}
    named = {
        "deleted": "",
        "inserted": "00000000-0000-7000-8000-000000000000",
        "reordered": events[5].id,
        "link-changed": "",
        "link-missing": "",
    }
    assert first.event == named.get(what, events[4].id)
    assert (await made.verifying.verify(date(2026, 11, 21), date(2026, 11, 21))).good


async def test_a_deleted_event_is_named_by_the_one_before_it(
    fresh_dsn: str, fresh_db: Database, parts: Callable[..., Any], an_event: Make
) -> None:
    made = parts(fresh_db)
    events = await three_days(made, an_event)
    conn = await asyncpg.connect(fresh_dsn)
    await conn.execute("delete from security.event where id = $1", events[5].id)
    await conn.close()
    found = (await made.verifying.verify()).findings
    assert [(each.problem, each.event) for each in found] == [("deleted", events[4].id)]


async def test_a_chain_made_anew_does_not_fit_the_heads_outside(
    fresh_dsn: str, fresh_db: Database, parts: Callable[..., Any], an_event: Make
) -> None:
    """The database's owner can make every hash anew; the file of heads is not his."""
    made = parts(fresh_db)
    events = await three_days(made, an_event)
    conn = await asyncpg.connect(fresh_dsn)
    await conn.execute("update security.event set patients = '{p2}' where id = $1", events[6].id)
    await conn.execute("delete from security.event_link")
    await conn.close()
    other = parts(fresh_db)
    other.heads._path = other.heads._path.with_name("other.jsonl")
    other.heads._path.unlink(missing_ok=True)
    await chain(other, len(events))
    assert (await other.verifying.verify()).good
    found = (await made.verifying.verify()).findings
    assert [each.problem for each in found] == ["head"]


async def test_links_cut_off_at_the_end_are_missed(
    fresh_dsn: str, fresh_db: Database, parts: Callable[..., Any], an_event: Make
) -> None:
    made = parts(fresh_db)
    events = await three_days(made, an_event)
    conn = await asyncpg.connect(fresh_dsn)
    await conn.execute("delete from security.event where id = any ($1::uuid[])", [each.id for each in events[8:]])
    await conn.execute("delete from security.event_link where number > 4")
    await conn.close()
    assert [each.problem for each in (await made.verifying.verify()).findings] == ["head"]


async def test_an_event_committed_late_gets_its_place_behind_those_before_it(
    fresh_db: Database, parts: Callable[..., Any], an_event: Make
) -> None:
    """A transaction that began early and ends late holds the chain back, and nothing is passed by."""
    made = parts(fresh_db)
    slow, quick = an_event(), an_event()
    async with fresh_db.write() as tx:
        await made.trail.within(tx, [slow])
        await made.trail.keep(quick)
        assert await made.chaining.catch_up() == 0
        made.clock.advance(timedelta(seconds=5))
        assert await made.chaining.catch_up() == 0
        assert made.metrics.chain_lag._value.get() == 5.0
    await chain(made, 2)
    assert made.metrics.chain_lag._value.get() == 0.0
    report = await made.verifying.verify()
    assert (report.good, report.events) == (True, 2)


async def test_one_makes_links_at_a_time_and_a_batch_has_its_limit(
    fresh_db: Database, parts: Callable[..., Any], an_event: Make
) -> None:
    made, other = parts(fresh_db), parts(fresh_db)
    events = [an_event(caller=Caller(kind="person", account=f"a{n}")) for n in range(MOST + 10)]
    async with fresh_db.write() as tx:
        await made.trail.within(tx, events)
    async with fresh_db.write() as tx:
        await tx.fetchval("select pg_advisory_xact_lock(7308332183925057)")
        assert await made.chaining.step() == 0

    async def both() -> int:
        return sum(await asyncio.gather(made.chaining.catch_up(), other.chaining.catch_up()))

    number = 0
    async with asyncio.timeout(20):
        while number < len(events):
            number += await both()
            await asyncio.sleep(0.001)
    report = await made.verifying.verify()
    assert (report.good, report.links, report.events) == (True, 2, MOST + 10)


async def test_events_without_a_link_for_an_hour_are_reported(
    fresh_db: Database, parts: Callable[..., Any], an_event: Make
) -> None:
    made = parts(fresh_db)
    await made.trail.keep(an_event())
    assert (await made.verifying.verify()).good
    made.clock.advance(timedelta(hours=2))
    assert [each.problem for each in (await made.verifying.verify()).findings] == ["unlinked"]


async def test_after_a_restore_from_a_dump_the_trail_goes_on(
    fresh_dsn: str, fresh_db: Database, parts: Callable[..., Any], an_event: Make
) -> None:
    """A new server counts transactions from the beginning: as if the old one had been a million ahead."""
    conn = await asyncpg.connect(fresh_dsn)
    await conn.execute("update security.trail set xact_offset = 1000000")
    made = parts(fresh_db)
    await three_days(made, an_event)
    await conn.execute("update security.trail set xact_offset = 0")
    await conn.close()
    await made.chaining.settle()
    await made.chaining.settle()  # of another process, too
    for _ in range(3):
        await made.trail.keep(an_event(at=made.clock.now()))
    await chain(made, 3)
    report = await made.verifying.verify()
    assert (report.findings, report.events) == ([], 15)


def test_a_torn_or_missing_file_of_heads_is_read_as_far_as_it_goes(tmp_path: Path, parts: Callable[..., Any]) -> None:
    heads = parts(None).heads
    assert list(heads.all()) == []
    heads._path.write_text(
        '{"link": 1, "day": "2026-11-21", "hash": "00", "made": "", "closes": true}\n{"link": 2, "da'
    )
    assert [number for number, _, _ in heads.all()] == [1]
