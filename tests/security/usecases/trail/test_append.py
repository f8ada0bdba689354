"""Events that are written together with what they tell about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.security.usecases.trail.linking import chain

from kuska.infra.postgres.database import Database
from kuska.security.api import TrailQuestion, Visit
from kuska.security.contracts import Caller, Event
from kuska.security.usecases.trail.trail import AuditTrail
from kuska.security.usecases.unrestricted import Unrestricted

WRITTEN = "select security.append_written($1, $2, $3, $4, $5, $6)"
Make = Callable[..., Event]


async def count(db: Database, *events: Event) -> int:
    async with db.read() as conn:
        return await conn.fetchval(
            "select count(*) from security.event where id = any ($1::uuid[])", [event.id for event in events]
        )


@pytest.fixture
def trail(db: Database, parts: Callable[..., Any]) -> AuditTrail:
    return parts(db).trail


@pytest.mark.requirement("LW-31")
async def test_in_a_transaction_it_is_there_with_the_change_or_not_at_all(
    db: Database, trail: AuditTrail, an_event: Make
) -> None:
    kept, lost = an_event(), an_event()
    async with db.write() as tx:
        await trail.within(tx, [kept])
    with pytest.raises(ZeroDivisionError):
        async with db.write() as tx:
            await trail.within(tx, [lost])
            raise ZeroDivisionError
    assert await count(db, kept) == 1
    assert await count(db, lost) == 0


async def test_what_a_statement_wrote_lies_in_a_block(fresh_db: Database, parts: Callable[..., Any]) -> None:
    made = parts(fresh_db)
    visit = Visit(Unrestricted(Caller(kind="person", account="a1"), "TREAT"), made.trail, made.clock, "request-1")
    visit.interaction = "bundle"
    events = [visit.written("C", f"Observation/{number}", f"p{number % 3}") for number in range(5)]
    async with fresh_db.write() as tx:
        [block] = zip(*made.trail.columns(events), strict=True)
        assert await tx.fetchval(WRITTEN, *block) == 1
        assert list(zip(*made.trail.columns([]), strict=True)) == []
    found = (await made.trail.search(TrailQuestion(patient="p1", account="a1", action="C", kind="rest"))).events
    assert sorted(event.id for event in found) == sorted(event.id for event in events if event.patients == ("p1",))
    assert await made.trail.find(events[3].id) == events[3]
    await chain(made, 5)
    assert (await made.verifying.verify()).events == 5


async def test_a_repetition_of_a_call_changes_nothing(db: Database, trail: AuditTrail, an_event: Make) -> None:
    events = [an_event() for _ in range(3)]
    for some in (events, [*events, an_event()], []):
        async with db.write() as tx:
            await trail.within(tx, some)
    assert await count(db, *events) == 3


@pytest.mark.parametrize("way", ["keep", "note"])
async def test_what_a_client_sends_cannot_make_an_event_unstorable(
    db: Database, trail: AuditTrail, an_event: Make, way: str
) -> None:
    nasty = "a\0b\ud800c\r\n\x85"
    event = an_event(
        query=nasty + "x" * 10_000,
        reason=nasty,
        caller=Caller(kind="anonymous", address=nasty, account=nasty),
        detail=((nasty, nasty),),
        entities=(nasty,),
    )
    long = "".join(chr(33 + place * place % 90) for place in range(3_900))  # not to be compressed into an index
    whole = an_event(caller=Caller(kind="anonymous", account=long))
    patient = an_event(patients=(long,))
    if way == "keep":
        await trail.keep(event)
        await trail.keep(whole)
        await trail.keep(patient)
    else:
        for each in (event, whole, patient):
            trail.note(each)
        await trail.settled()
    assert await count(db, event, whole, patient) == 3
