"""The outbox keeps its promise: nothing skipped, nothing doubled, whatever commits late."""

from __future__ import annotations

import asyncio
import time

import pytest

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.store.changes import ChangeEvent, Outbox, Position
from kuska.fhir.store.records import Change, Records
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database

pytestmark = pytest.mark.requirement("LW-20")


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


async def test_trimmed_events_are_gone_and_later_ones_stay(fresh_db: Database, fresh_records: Records) -> None:
    for name in "abc":
        await fresh_db.transact(lambda tx, name=name: fresh_records.write(tx, [_patient(name)]))
    events = await _drain(fresh_db, Position(), 3)
    await fresh_db.transact(lambda tx: Outbox(definitions()).trim(tx, events[1].position))
    assert await _drain(fresh_db, Position(), 1) == events[2:]
