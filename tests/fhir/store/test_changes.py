"""The outbox keeps its promise: nothing skipped, nothing doubled, whatever commits late."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from kuska.fhir.api import open_record, tidied
from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.settings import FhirSettings
from kuska.fhir.store.changes import ChangeEvent, Outbox, Position
from kuska.fhir.store.records import Change, Records
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SetClock

pytestmark = pytest.mark.requirement("LW-20")
NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


def _patient(family: str) -> Change:
    return Change("create", "Patient", node={"resourceType": "Patient", "name": [{"family": family}]})


async def _drain(db: Database, after: Position, count: int = 0) -> list[ChangeEvent]:
    """What can be read now; with `count`, at least that many.

    The horizon is the whole server's: a transaction open in another test's database holds events back.
    """
    outbox, seen = Outbox(definitions()), list[ChangeEvent]()
    deadline = time.monotonic() + 20
    while True:
        async with db.read() as conn:
            page = await outbox.read(conn, after, 2)
        if page:
            seen += page
            after = page[-1].position
        elif len(seen) >= count or time.monotonic() > deadline:
            return seen
        else:
            await asyncio.sleep(0.01)


async def test_events_come_in_order_and_carry_the_version(fresh_db: Database, fresh_records: Records) -> None:
    [made] = await fresh_db.transact(lambda tx: fresh_records.write(tx, [_patient("a")]))
    id_ = made.stored.id
    changed = {"resourceType": "Patient", "name": [{"family": "b"}]}
    await fresh_db.transact(lambda tx: fresh_records.write(tx, [Change("put", "Patient", id_, changed)]))
    await fresh_db.transact(lambda tx: fresh_records.write(tx, [Change("put", "Patient", id_, changed)]))
    await fresh_db.transact(lambda tx: fresh_records.write(tx, [Change("delete", "Patient", id_)]))
    events = await _drain(fresh_db, Position(), 3)
    assert [(e.kind, e.version) for e in events] == [("created", 1), ("updated", 2), ("deleted", 3)]
    assert {e.rid for e in events} == {fresh_records.address("Patient", id_).rid}


async def test_a_transaction_that_commits_late_is_neither_skipped_nor_overtaken(
    fresh_db: Database, fresh_records: Records
) -> None:
    started, finish = asyncio.Event(), asyncio.Event()

    async def slow(tx: Write) -> None:
        await fresh_records.write(tx, [_patient("slow")])
        started.set()
        await finish.wait()

    late = asyncio.create_task(fresh_db.transact(slow))
    await started.wait()
    await fresh_db.transact(lambda tx: fresh_records.write(tx, [_patient("quick")]))
    assert await _drain(fresh_db, Position()) == []
    finish.set()
    await late
    events = await _drain(fresh_db, Position(), 2)
    assert len(events) == 2
    assert events == sorted(events, key=lambda event: event.position)


async def _written(db: Database, records: Records, *names: str) -> list[ChangeEvent]:
    for name in names:
        await db.transact(lambda tx, name=name: records.write(tx, [_patient(name)]))
    return await _drain(db, Position(), len(names))


async def _trim(db: Database, now: datetime, days: int = 30) -> None:
    await db.transact(lambda tx: Outbox(definitions()).trim(tx, now, now - timedelta(days=days)))


async def _settled(db: Database) -> None:
    """No transaction of another test's is so old that it holds the next mark back."""
    async with asyncio.timeout(60):
        while True:
            async with db.read() as conn:
                if await conn.fetchval(
                    "select pg_snapshot_xmin(pg_current_snapshot()) > coalesce((select max(xid::text::bigint)"
                    " from fhir.change), 0)::text::xid8"
                ):
                    return
            await asyncio.sleep(0.01)


async def test_events_are_trimmed_by_age(fresh_db: Database, fresh_records: Records) -> None:
    await _written(fresh_db, fresh_records, "a", "b")
    await _settled(fresh_db)
    await _trim(fresh_db, NOW)
    await _written(fresh_db, fresh_records, "c")
    later = (await _drain(fresh_db, Position(), 3))[-1]
    await _trim(fresh_db, NOW + timedelta(days=30))
    assert len(await _drain(fresh_db, Position(), 3)) == 3  # not older than 30 days, but just as old
    await _trim(fresh_db, NOW + timedelta(days=31))
    assert await _drain(fresh_db, Position(), 1) == [later]
    await _settled(fresh_db)
    await _trim(fresh_db, NOW + timedelta(days=40))
    await _trim(fresh_db, NOW + timedelta(days=80))
    async with fresh_db.read() as conn:
        assert await conn.fetchval("select count(*) from fhir.change") == 0
        assert await conn.fetchval("select count(*) from fhir.change_mark") <= 2  # marks are trimmed, too


async def test_nothing_is_trimmed_that_a_registered_reader_has_not_read(
    fresh_db: Database, fresh_records: Records
) -> None:
    events = await _written(fresh_db, fresh_records, "a", "b", "c")
    outbox = Outbox(definitions())

    async def has_read(name: str, place: Position) -> None:
        await fresh_db.transact(lambda tx: outbox.read_through(tx, name, place))

    await has_read("fast", events[2].position)
    await has_read("slow", events[0].position)
    await _settled(fresh_db)
    await _trim(fresh_db, NOW)
    await _trim(fresh_db, NOW + timedelta(days=31))
    assert await _drain(fresh_db, Position(), 2) == events[1:]
    await has_read("slow", events[1].position)
    await has_read("slow", events[0].position)  # said late: it is not set back
    await _trim(fresh_db, NOW + timedelta(days=31))
    assert await _drain(fresh_db, Position(), 1) == events[2:]
    await fresh_db.transact(lambda tx: outbox.forget_reader(tx, "slow"))
    await _trim(fresh_db, NOW + timedelta(days=31))
    async with fresh_db.read() as conn:
        assert await conn.fetchval("select count(*) from fhir.change") == 0


async def test_the_record_trims_by_itself(fresh_db: Database, fresh_records: Records) -> None:
    await _written(fresh_db, fresh_records, "a")
    await _settled(fresh_db)
    clock = SetClock(NOW)
    archive = await open_record(fresh_db, FhirSettings(change_days=3))

    async def count(what: str) -> int:
        async with fresh_db.read() as conn:
            return int(await conn.fetchval(f"select count(*) from fhir.{what}"))

    async with tidied(archive, clock, first=0.0, every=0.01), asyncio.timeout(60):
        while not await count("change_mark"):
            await asyncio.sleep(0.01)
        assert await count("change") == 1
        clock.advance(timedelta(days=4))
        while await count("change"):
            await asyncio.sleep(0.01)


async def test_rows_of_another_server_are_older_than_all_that_is_written_here(
    fresh_db: Database, fresh_records: Records
) -> None:
    events = await _written(fresh_db, fresh_records, "a", "b")
    outbox = Outbox(definitions())
    await fresh_db.transact(lambda tx: outbox.read_through(tx, "bus", events[1].position))
    await fresh_db.transact(lambda tx: tx.execute("update fhir.change set xid = '9000000000000'::xid8"))
    assert await _drain_once(fresh_db) == []  # as it would be in a new server: not there yet, for a very long time
    await fresh_db.transact(outbox.begin_anew)
    await _written(fresh_db, fresh_records, "c")
    found = await _drain(fresh_db, Position(), 3)
    assert [event.rid for event in found[:2]] == [event.rid for event in events]
    assert len(found) == 3
    async with fresh_db.read() as conn:
        assert await conn.fetchval("select xid::text from fhir.change_reader") == "0"


async def _drain_once(db: Database) -> list[ChangeEvent]:
    async with db.read() as conn:
        return list(await Outbox(definitions()).read(conn, Position(), 10))
