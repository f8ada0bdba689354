"""Reads lie in blocks: found like all others, each with its own hash, brought in once whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from tests.security.usecases.trail.linking import chain
from tests.security.usecases.trail.moments import NOON

from kuska.infra.postgres.database import Database
from kuska.infra.postgres.errors import LostError
from kuska.kit.errors import Issue
from kuska.security.api import TrailQuestion, Visit
from kuska.security.contracts import Caller, Event
from kuska.security.domain.trail_block import MOST_LINES, Block, unpacked
from kuska.security.domain.trail_line import line, microseconds
from kuska.security.domain.trail_read import ReadLines, millisecond
from kuska.security.store import trail_months as months
from kuska.security.store.trail_events import TrailEvents
from kuska.security.store.trail_journal import Journal
from kuska.security.usecases.unrestricted import Unrestricted

pytestmark = [pytest.mark.requirement("HC-09"), pytest.mark.requirement("LW-31")]

WHO = Caller(kind="person", account="a1", client="portal", roles=("physician",), methods=("pwd", "otp"), tenant="t")
Make = Callable[..., Event]
Parts = Callable[..., Any]


async def read(made: Any, *patients: str, entity: str = "Observation/1", caller: Caller = WHO, query: str = "") -> None:
    visit = Visit(Unrestricted(caller, "TREAT"), made.trail, made.clock, "request-1")
    visit.interaction, visit.query = "read", query
    visit.gave(entity, *patients)
    await visit.end("R")


async def many(made: Any, number: int) -> list[Event]:
    """A read each second, by three people about seven patients, newest last."""
    for count in range(number):
        made.clock.advance(timedelta(milliseconds=100))
        await read(made, f"p{count % 7}", entity=f"Observation/{count}", caller=replace(WHO, account=f"a{count % 3}"))
        if count % 50 == 0:
            await made.trail.settled()
    await made.trail.settled()
    return list(reversed((await made.trail.search(TrailQuestion(), limit=1000)).events))


class Flaky(TrailEvents):
    """`after`: it commits, and the connection is lost over the answer."""

    after = 0

    async def append_blocks(self, blocks: Any) -> None:
        await super().append_blocks(blocks)
        if self.after:
            self.after -= 1
            raise LostError(Issue(code="transient", message="database.connection-lost"))


@pytest.mark.parametrize(
    "given",
    [
        {"query": "", "entities": ("Observation/1", 'Obs"\\x/2'), "patients": ("p1", "p2")},
        {"query": "name=María&_count=2", "entities": (), "patients": ()},
        {"query": "", "entities": ("Observation/" + "9" * 1500,), "patients": ("p\0", "p" * 300)},
        {"query": "", "entities": ("Observation/ñ",), "patients": ("\ud800",)},
    ],
)
def test_the_quick_line_is_the_line(given: dict[str, Any]) -> None:
    reading = ("R", "read", WHO, "TREAT", 'request "1"', given["query"])
    for _ in range(2):  # the caller's part is made once
        made = msgspec.json.decode(
            ReadLines().line(NOON, microseconds(NOON), reading, given["entities"], given["patients"])[0]
        )
        event = Event(
            id=made[0], at=NOON, action="R", kind="rest", interaction="read", caller=WHO, purpose="TREAT",
            request='request "1"', **given,
        )  # fmt: skip
        assert made == list(line(event))
        assert millisecond(made[0]) == microseconds(NOON) // 1000


async def test_reads_are_found_by_everything_that_they_say(fresh_db: Database, parts: Parts, an_event: Make) -> None:
    made = parts(fresh_db)
    events = await many(made, 120)
    assert [event.entities for event in events] == [(f"Observation/{count}",) for count in range(120)]
    other = an_event(at=events[60].at + timedelta(milliseconds=50), patients=("p3",), kind="login")
    await made.trail.keep(other)
    everything = sorted([*events, other], key=lambda event: (event.at, event.id))
    async with fresh_db.read() as conn:
        assert await conn.fetchval("select count(*) from security.event") == 1
        assert await conn.fetchval("select count(*) from security.event_block") < 40
    questions: list[tuple[dict[str, Any], Callable[[Event], bool]]] = [
        ({}, lambda _: True),
        ({"patient": "p3"}, lambda event: event.patients == ("p3",)),
        ({"patient": "p"}, lambda _: False),
        ({"account": "a2"}, lambda event: event.caller.account == "a2"),
        ({"patient": "p1", "account": "a2"}, lambda event: (event.patients, event.caller.account) == (("p1",), "a2")),
        ({"entity": "Observation/17"}, lambda event: event.entities == ("Observation/17",)),
        ({"kind": "rest"}, lambda event: event.kind == "rest"),
        ({"kind": "login"}, lambda event: event.kind == "login"),
        ({"outcome": "failed"}, lambda _: False),
        ({"purpose": "TREAT", "action": "R"}, lambda event: event.purpose == "TREAT"),
        ({"purpose": "ETREAT"}, lambda _: False),
        ({"address": "10.0.0.1"}, lambda _: False),
        (
            {"since": events[30].at, "until": events[90].at},
            lambda event: events[30].at <= event.at < events[90].at,
        ),
    ]
    for asked, holds in questions:
        expected = [event for event in everything if holds(event)]
        for limit in (1, 7, 500):
            found, after = list[Event](), ""
            while True:
                page = await made.trail.search(TrailQuestion(**asked), after=after, limit=limit)
                found += page.events
                after = page.next
                if not after or limit == 1:
                    break
            assert found == list(reversed(expected))[: 1 if limit == 1 else None], (asked, limit)
        oldest = await made.trail._search.oldest(TrailQuestion(**asked), "", 9)
        assert oldest == expected[:9], asked
    assert await made.trail.find(events[77].id) == events[77]
    assert await made.trail.find("00000000-0000-7000-8000-000000000000") is None


async def test_an_export_has_them_all(fresh_db: Database, parts: Parts) -> None:
    made = parts(fresh_db)
    events = await many(made, 700)
    made.clock.advance(timedelta(seconds=1))
    who = replace(WHO, confirmed=made.clock.now())
    visit = Visit(Unrestricted(who, "TREAT"), made.trail, made.clock)
    pieces = [piece async for piece in made.trail.export(visit, TrailQuestion(), "ndjson")]
    said = [msgspec.json.decode(one)["id"] for one in b"".join(pieces).splitlines()]
    assert said == [event.id for event in events]


async def test_a_block_that_is_delivered_again_is_the_same(fresh_db: Database, parts: Parts) -> None:
    store = Flaky(fresh_db)
    made = parts(fresh_db, store)
    store.after = 1
    for count in range(MOST_LINES + 5):
        await read(made, f"p{count}")
    with pytest.raises(LostError):
        await made.trail.settled()
    await read(made, "later")  # must not become a part of what may be there already
    await made.trail.settled()
    events = (await made.trail.search(TrailQuestion(), limit=1000)).events
    assert len({event.id for event in events}) == len(events) == MOST_LINES + 6


async def test_what_a_dead_process_left_is_brought_in_once(fresh_db: Database, tmp_path: Path, parts: Parts) -> None:
    """Killed after the database had its blocks and before the journal knew it."""
    folder = tmp_path / "journal"
    dead = Journal(folder, 1 << 20, segment=9_000)
    lines, at = ReadLines(), microseconds(NOON)
    for count in range(200):
        reading = ("R", "read", WHO, "TREAT", "r", "")
        dead.write_read(lines.line(NOON, at, reading, (f"Observation/{count}",), ())[0], at)
        if count % 20 == 0:
            dead.write(line(Event(id=f"00000000-0000-7000-8000-{count:012}", at=NOON, action="R", kind="rest")))
    store = Flaky(fresh_db)
    made = parts(fresh_db, store)
    dead.close()
    for path in folder.glob("*.journal"):
        if path.stat().st_size:
            with path.open("ab") as file:
                file.write(b'0badc0de R["torn')
    store.after = 1
    with pytest.raises(LostError):
        await made.flushing.adopt(folder)
    assert await made.flushing.adopt(folder) == 210
    events = (await made.trail.search(TrailQuestion(), limit=1000)).events
    assert len({event.id for event in events}) == len(events) == 210


@pytest.mark.parametrize("most", [100, 3_000, 20_000, 30_000, 100_000])
async def test_a_batch_ends_between_blocks(tmp_path: Path, most: int) -> None:
    journal = Journal(tmp_path / "journal", 1 << 20)
    lines, at = ReadLines(), microseconds(NOON)
    for count in range(150):
        journal.write_read(
            lines.line(NOON, at, ("R", "read", WHO, "TREAT", "r", ""), (f"Observation/{count}",), ())[0], at
        )
        if count % 3 == 0:
            journal.write(line(Event(id="00000000-0000-7000-8000-000000000000", at=NOON, action="R", kind="rest")))
    found: list[int] = []
    while (batch := journal.next(most)) is not None:
        found += map(len, batch.reads.values())
        journal.done(batch)
    assert found == [MOST_LINES, MOST_LINES, 150 - 2 * MOST_LINES]
    journal.close()


async def test_a_line_longer_than_a_batch_goes_with_its_block(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", 1 << 20)
    for size in (50, 9_000, 50):
        journal.write_read(b'["%b"]' % (b"x" * size), microseconds(NOON))
    batch = journal.next(100)
    assert batch is not None
    assert [len(lines) for lines in batch.reads.values()] == [3]
    journal.done(batch)
    journal.write_read(b'["%b"]' % (b"x" * 9_000), microseconds(NOON))
    journal.write_read(b'["x"]', microseconds(NOON))
    batch = journal.next(100)
    assert batch is not None
    assert [len(lines) for lines in batch.reads.values()] == [2]
    journal.done(batch)
    journal.close()


async def test_no_block_lies_in_two_days(fresh_db: Database, parts: Parts) -> None:
    made = parts(fresh_db)
    made.clock.moment = datetime(2026, 11, 21, 23, 59, 59, 999_000, tzinfo=UTC)
    for _ in range(4):
        await read(made, "p1")
        made.clock.advance(timedelta(microseconds=500))
    await made.trail.settled()
    async with fresh_db.read() as conn:
        assert await conn.fetchval("select count(*) from security.event_block") == 2
    await chain(made, 4)
    report = await made.verifying.verify()
    assert (report.findings, report.links, report.events) == ([], 2, 4)


TAMPERED = {
    "accounts": ("update security.event_block set accounts = '{nobody}' where id = $1", "changed", 0),
    "patients": ("update security.event_block set patients = '{}' where id = $1", "changed", 0),
    "until": ("update security.event_block set at = at - interval '1 microsecond' where id = $1", "changed", 0),
    "deleted": ("delete from security.event_block where id = $1", "deleted", None),
    "unreadable": ("update security.event_block set lines = '\\x00' where id = $1", "deleted", None),
    "moved": ("update security.event_block set seq = seq + 1000000 where id = $1", "deleted", None),
}

REWRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "one line": lambda line: line.replace(b"TREAT", b"HMARKT"),
    "no JSON": lambda _: b'["',
    "no line": lambda _: b"[1]",
    "no moment": lambda line: line.replace(b",1763", b",99999999999999991763", 1).replace(b",1795", b",-1795", 1),
}


@pytest.mark.parametrize("what", [*TAMPERED, *REWRITTEN])
async def test_a_change_of_a_block_is_found_and_the_event_named(
    fresh_db: Database, fresh_dsn: str, parts: Parts, what: str
) -> None:
    made = parts(fresh_db)
    events = await many(made, 60)
    await chain(made, 60)
    assert (await made.verifying.verify()).findings == []
    conn = await asyncpg.connect(fresh_dsn)
    id_, packed = await conn.fetchrow("select id, lines from security.event_block order by until desc limit 1")
    lines = unpacked(packed)
    if what in REWRITTEN:
        before, lines[3] = lines[3], REWRITTEN[what](lines[3])
        assert before != lines[3]
        statement = "update security.event_block set lines = $2 where id = $1"
        problem, place = "changed", 3
        changed = Block("", 0, 0, (), (), tuple(lines)).packed
        await conn.execute(statement, id_, changed)
    else:
        statement, problem, place = TAMPERED[what]
        assert (await conn.execute(statement, id_)).endswith(" 1")
    await conn.close()
    await made.trail.search(TrailQuestion(), limit=100)  # what is left of it can still be read
    found = (await made.verifying.verify()).findings[0]
    assert found.problem == problem
    first = len(events) - len(lines)
    named = "" if what in {"no JSON", "no line"} else events[first - 1 if place is None else first + place].id
    assert found.event == named


async def test_months_of_blocks_go_with_the_others(fresh_db: Database, parts: Parts) -> None:
    made = parts(fresh_db)
    for moment in (datetime(2011, 10, 5, 8, tzinfo=UTC), datetime(2011, 11, 5, 8, tzinfo=UTC), NOON):
        made.clock.moment = moment
        async with fresh_db.write() as tx:
            await months.make_ahead(tx, moment)
        await read(made, "p1")
        await made.trail.settled()
        await chain(made, 1)
    assert await made.retention.enforce() >= 1
    await chain(made, 1)
    report = await made.verifying.verify()
    assert (report.findings, report.events) == ([], 3)  # two reads and the cut itself
    assert [event.at.month for event in (await made.trail.search(TrailQuestion(kind="rest"))).events] == [11, 11]


async def test_a_line_that_is_none_is_set_aside_and_the_others_arrive(
    fresh_db: Database, tmp_path: Path, parts: Parts
) -> None:
    made = parts(fresh_db)
    await read(made, "p1")
    await made.trail.settled()
    made.journal.write_read(b'["not a line"]', microseconds(NOON))
    made.journal._block.beside.lines = MOST_LINES  # the next one is another block
    await read(made, "p2")
    await made.trail.settled()
    assert len((await made.trail.search(TrailQuestion())).events) == 2
    assert b"not a line" in (tmp_path / "journal" / "refused.lines").read_bytes()
