"""What the law no longer asks for goes; what it asks for cannot be made to go unseen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.security.usecases.trail.linking import chain

from kuska.countries.registry import packs
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SetClock
from kuska.security.contracts import Event
from kuska.security.domain.trail_chain import Cut
from kuska.security.settings import SecuritySettings
from kuska.security.store import trail_months as months
from kuska.security.usecases.trail.chores import Chores
from kuska.security.usecases.trail.running import open_trail
from kuska.security.usecases.trail.verify import kept_from

Make = Callable[..., Event]
Parts = Callable[..., Any]
Stored = Callable[[Database], Awaitable[list[str]]]
LONG_AGO = datetime(2011, 10, 5, 8, tzinfo=UTC)


async def noted(made: Any, db: Database, moments: list[datetime], an_event: Make) -> list[str]:
    """One event at each moment, chained at that moment, in months that have their tables."""
    ids = []
    for moment in moments:
        made.clock.moment = moment
        async with db.write() as tx:
            await months.make_ahead(tx, moment)
        event = an_event(at=moment)
        await made.trail.keep(event)
        ids.append(event.id)
        await chain(made, 1)
    return ids


async def tables(db: Database) -> set[str]:
    async with db.read() as conn:
        rows = await conn.fetch(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'security.event'::regclass"
        )
    return {row[0] for row in rows}


@pytest.mark.requirement("LW-31")
@pytest.mark.parametrize("country", [pack.code for pack in packs()])
def test_whole_months_and_never_less_than_the_law_asks_for(country: str) -> None:
    assert kept_from(datetime(2026, 11, 21, tzinfo=UTC), country) == date(2011, 11, 1)
    assert kept_from(datetime(2028, 2, 29, tzinfo=UTC), country) == date(2013, 2, 1)


@pytest.mark.requirement("LW-31")
async def test_months_that_are_over_go_and_the_rest_still_verifies(
    fresh_db: Database, parts: Parts, an_event: Make, stored: Stored
) -> None:
    made = parts(fresh_db)
    old = [LONG_AGO, LONG_AGO + timedelta(days=1), datetime(2011, 10, 31, 23, 59, 59, tzinfo=UTC)]
    kept = [datetime(2011, 11, 1, tzinfo=UTC), datetime(2026, 11, 21, 12, tzinfo=UTC)]
    ids = await noted(made, fresh_db, old + kept, an_event)
    assert await made.retention.enforce() >= 1
    assert "security.event_201110" not in await tables(fresh_db)
    assert (await stored(fresh_db))[:2] == ids[3:]
    await chain(made, 1)
    report = await made.verifying.verify()
    assert (report.findings, report.events) == ([], 3)  # the two that are kept, and the cut itself
    assert await made.retention.enforce() == 0


async def test_an_event_of_an_old_month_that_came_late_keeps_no_chain_from_verifying(
    fresh_db: Database, parts: Parts, an_event: Make
) -> None:
    """A journal was brought in after midnight of the month's last day: its link stands among those of the kept month."""
    made = parts(fresh_db)
    await noted(made, fresh_db, [LONG_AGO, datetime(2011, 11, 1, 0, 0, 1, tzinfo=UTC)], an_event)
    late = an_event(at=datetime(2011, 10, 31, 23, 59, tzinfo=UTC))
    await made.trail.keep(late)
    await chain(made, 1)
    await noted(made, fresh_db, [datetime(2011, 11, 1, 0, 0, 2, tzinfo=UTC)], an_event)
    made.clock.moment = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert await made.retention.enforce() >= 1
    assert (await made.verifying.verify()).findings == []


async def test_an_old_part_that_does_not_verify_is_evidence_and_stays(
    fresh_dsn: str, fresh_db: Database, parts: Parts, an_event: Make, stored: Stored
) -> None:
    made = parts(fresh_db)
    ids = await noted(made, fresh_db, [LONG_AGO, datetime(2026, 11, 21, 12, tzinfo=UTC)], an_event)
    conn = await asyncpg.connect(fresh_dsn)
    await conn.execute("update security.event set patients = '{p2}' where id = $1", ids[0])
    await conn.close()
    assert await made.retention.enforce() == 0
    assert await stored(fresh_db) == ids


async def test_events_without_a_link_are_not_removed(fresh_db: Database, parts: Parts, an_event: Make) -> None:
    made = parts(fresh_db)
    await noted(made, fresh_db, [LONG_AGO], an_event)
    await made.trail.keep(an_event(at=LONG_AGO))
    made.clock.moment = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert await made.retention.enforce() == 0


@pytest.mark.requirement("LW-31")
async def test_a_pretended_cut_is_seen(fresh_dsn: str, fresh_db: Database, parts: Parts, an_event: Make) -> None:
    """Yesterday deleted, with a statement of retention that says it was over."""
    made = parts(fresh_db)
    await noted(made, fresh_db, [datetime(2026, 11, day, 12, tzinfo=UTC) for day in (19, 20, 21)], an_event)
    conn = await asyncpg.connect(fresh_dsn)
    hash_ = await conn.fetchval("select hash from security.event_link where number = 2")
    await conn.execute("delete from security.event where at < '2026-11-21'")
    await conn.execute("delete from security.event_link where number <= 2")
    said = (("before", "2026-11-21"), ("through", "2"), ("hash", hash_.hex()))
    await made.trail.keep(an_event(kind="retention", action="D", detail=said))
    assert [each.problem for each in (await made.verifying.verify()).findings] == ["cut"]
    await conn.execute("delete from security.event where kind = 'retention'")
    await conn.close()
    said = (("before", "2011-11-01"), ("through", "2"), ("hash", hash_.hex()))
    later = datetime(2026, 11, 21, 13, tzinfo=UTC)
    await made.trail.keep(an_event(kind="retention", action="D", detail=said, at=later))
    assert [each.problem for each in (await made.verifying.verify()).findings] == ["cut", "head"]


@pytest.mark.requirement("LW-31")
async def test_a_cut_whose_day_is_later_than_what_it_left_is_seen(
    fresh_dsn: str, fresh_db: Database, parts: Parts, an_event: Make
) -> None:
    """In its time, written outside too, and true of the links: but a later day than theirs would excuse that the events of
    a link that stands are gone.
    """
    made = parts(fresh_db)
    await noted(made, fresh_db, [datetime(2026, 11, day, 12, tzinfo=UTC) for day in (19, 20, 21)], an_event)
    async with fresh_db.read() as conn:
        hash_ = await conn.fetchval("select hash from security.event_link where number = 1")
    conn = await asyncpg.connect(fresh_dsn)
    await conn.execute("delete from security.event where at < '2026-11-21'")
    await conn.execute("delete from security.event_link where number = 1")
    await conn.close()

    async def cut(before: date) -> list[str]:
        made.heads.cut(Cut(1, hash_, before))
        said = (("before", before.isoformat()), ("through", "1"), ("hash", hash_.hex()))
        await made.trail.keep(an_event(kind="retention", action="D", detail=said, at=made.clock.now()))
        return [each.problem for each in (await made.verifying.verify()).findings if each.problem != "unlinked"]

    made.clock.moment = datetime(2042, 1, 1, tzinfo=UTC)
    assert await cut(date(2026, 11, 20)) == ["deleted"], "the day that fits the links excuses nothing of them"
    assert await cut(date(2026, 11, 21)) == ["cut"]


async def test_months_are_made_ahead_and_a_wrong_clock_loses_nothing(
    fresh_db: Database, parts: Parts, an_event: Make, stored: Stored
) -> None:
    made = parts(fresh_db)
    async with fresh_db.write() as tx:
        assert await months.make_ahead(tx, datetime(2031, 12, 15, tzinfo=UTC)) == 3
        assert await months.make_ahead(tx, datetime(2031, 12, 15, tzinfo=UTC)) == 0
    assert {"security.event_203112", "security.event_203201", "security.event_203202"} <= await tables(fresh_db)
    far = an_event(at=datetime(1999, 1, 1, tzinfo=UTC))
    await made.trail.keep(far)
    assert await stored(fresh_db) == [far.id]


async def test_processes_that_start_at_once_make_a_month_once(fresh_db: Database) -> None:
    async def start() -> int:
        async with fresh_db.write() as tx:
            return await months.make_ahead(tx, datetime(2034, 1, 1, tzinfo=UTC))

    assert sorted(await asyncio.gather(*(start() for _ in range(4)))) == [0, 0, 0, 3]


async def test_events_that_came_before_their_month_was_made_move_into_it(
    fresh_db: Database, parts: Parts, an_event: Make, stored: Stored
) -> None:
    """Nobody started the program for half a year, or a clock was ahead."""
    made = parts(fresh_db)
    early = an_event(at=datetime(2033, 5, 31, 23, 59, 59, 999999, tzinfo=UTC))
    await made.trail.keep(early)
    async with fresh_db.write() as tx:
        assert await months.make_ahead(tx, datetime(2033, 5, 1, tzinfo=UTC)) == 3
    async with fresh_db.read() as conn:
        assert await conn.fetchval("select count(*) from security.event_other") == 0
        assert await conn.fetchval("select id::text from security.event_203305") == early.id
    assert await stored(fresh_db) == [early.id]


async def test_every_chore_in_its_time() -> None:
    clock, done = SetClock(datetime(2026, 11, 21, 12, tzinfo=UTC)), list[str]()

    def chore(name: str) -> Callable[[], Awaitable[None]]:
        async def note() -> None:
            done.append(name)

        return note

    chores = Chores(clock, chore("chain"), chore("adopt"), chore("daily"))
    await chores.once()
    assert done == ["chain", "adopt", "daily"]
    for step in (timedelta(seconds=1), timedelta(seconds=29), timedelta(hours=12)):
        clock.advance(step)
        done.append("|")
        await chores.once()
    assert done[3:] == ["|", "chain", "|", "chain", "adopt", "|", "chain", "adopt", "daily"]


@pytest.mark.requirement("HC-09")
async def test_a_running_trail_chains_what_it_notes(fresh_db: Database, tmp_path: Path, an_event: Make) -> None:
    settings = SecuritySettings(audit_heads=str(tmp_path / "elsewhere.jsonl"))
    async with open_trail(fresh_db, settings, SetClock(datetime(2026, 11, 21, 12, tzinfo=UTC)), tmp_path) as trail:
        trail.note(an_event())
        async with asyncio.timeout(20):
            while (await trail.verifying.verify()).links == 0:
                await asyncio.sleep(0.01)
        assert (await trail.verifying.verify()).good
    assert json.loads((tmp_path / "elsewhere.jsonl").read_text())["link"] == 1
