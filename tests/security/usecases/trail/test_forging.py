"""What a penetration tester tried with the database in his hands, and not the files of heads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.security.usecases.trail.linking import chain
from tests.security.usecases.trail.moments import NOON

from kuska.infra.postgres.database import Database
from kuska.security.contracts import Event
from kuska.security.domain.trail_chain import START, Cut, Link
from kuska.security.domain.trail_read import Reading
from kuska.security.store.trail_heads import EVERY, Heads

Make = Callable[..., Event]
SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.requirement("LW-31")


@asynccontextmanager
async def owner(dsn: str) -> AsyncIterator[Any]:
    conn = await asyncpg.connect(dsn)
    yield conn
    await conn.close()


async def chained(made: Any, an_event: Make, number: int) -> None:
    """So many links, one a second."""
    for _ in range(number):
        made.clock.advance(SECOND)
        await made.trail.keep(an_event(at=made.clock.now()))
        await chain(made, 1)


async def problems(made: Any) -> list[str]:
    return [each.problem for each in (await made.verifying.verify()).findings]


async def test_a_cut_that_did_not_happen_excuses_nothing(
    fresh_dsn: str, fresh_db: Database, parts: Callable[..., Any], an_event: Make
) -> None:
    """The forged statement says that everything up to the last link is over; then every event is rewritten."""
    made = parts(fresh_db)
    await chained(made, an_event, 3)
    async with owner(fresh_dsn) as conn:
        last = await conn.fetchrow("select number, hash from security.event_link order by number desc limit 1")
        said = (("through", str(last[0])), ("hash", last[1].hex()), ("before", "1999-01-01"))
        await made.trail.keep(an_event(kind="retention", action="D", detail=said, at=made.clock.now()))
        await conn.execute("update security.event set account = 'nobody' where kind <> 'retention'")
    assert await problems(made) == ["cut", "changed", "changed", "changed"]
    async with owner(fresh_dsn) as conn:
        await conn.execute("update security.event set detail = '[[\"through\", \"many\"]]' where kind = 'retention'")
    assert (await problems(made))[0] == "cut"


async def test_a_cut_is_good_only_as_it_stands_outside(
    fresh_dsn: str, fresh_db: Database, parts: Callable[..., Any], an_event: Make
) -> None:
    made = parts(fresh_db)
    await chained(made, an_event, 3)
    async with owner(fresh_dsn) as conn:
        link = await conn.fetchrow("select hash, last_xact, last_seq from security.event_link where number = 1")
        await conn.execute("delete from security.event where (xact, seq) <= ($1, $2)", link[1], link[2])
        await conn.execute("delete from security.event_link where number = 1")
    made.clock.advance(timedelta(days=365 * 16))  # so that it would be in its time
    said = (("through", "1"), ("hash", link[0].hex()), ("before", "2026-11-21"))
    await made.trail.keep(an_event(kind="retention", action="D", detail=said, at=made.clock.now()))
    assert "cut" in await problems(made)
    made.heads.cut(Cut(1, link[0], NOON.date()))
    assert "cut" not in await problems(made)
    made.heads._path.write_text(made.heads._path.read_text() + '{"cut": "torn\n')
    assert "cut" not in await problems(made)


async def test_the_erased_end_is_missed_at_once(
    fresh_dsn: str, fresh_db: Database, parts: Callable[..., Any], an_event: Make
) -> None:
    """Not only what is older than ten minutes: every batch has its head outside."""
    made = parts(fresh_db)
    await chained(made, an_event, 4)
    assert await problems(made) == []
    async with owner(fresh_dsn) as conn:
        await conn.execute("delete from security.event where seq = (select max(seq) from security.event)")
        await conn.execute("delete from security.event_link where number = 4")
    assert await problems(made) == ["head"]


async def test_missing_heads_are_a_finding(
    fresh_db: Database, parts: Callable[..., Any], an_event: Make, tmp_path: Path
) -> None:
    made = parts(fresh_db)
    await chained(made, an_event, 2)
    made.clock.advance(EVERY)
    assert await problems(made) == []
    for file in tmp_path.glob("heads*.jsonl"):
        file.unlink()
    assert await problems(made) == ["heads-missing"]


def link(number: int, seconds: float) -> Link:
    made = NOON + timedelta(seconds=seconds)
    return Link(
        number=number, day=made.date(), after=(0, 0), last=(1, 1), count=1, content=b"", leaves=b"", made=made, hash=START
    )  # fmt: skip


def test_the_file_of_the_latest_minutes_does_not_grow_for_ever(tmp_path: Path) -> None:
    heads, neighbour = Heads(tmp_path / "heads.jsonl"), Heads(tmp_path / "heads.jsonl")
    for number in range(1, 1300):
        heads.add(link(number, number), closes=False)
    # A neighbour's head that is newer than the one that begins the file anew stays in it.
    neighbour._latest = NOON + timedelta(seconds=1300)
    neighbour.add(link(1900, 1301), closes=False)
    heads.add(link(1850, 1850), closes=False)
    assert len((tmp_path / "heads.jsonl").read_text().splitlines()) == 4
    assert [number for number, _, _ in heads.all()] == [1, 601, 1201, 1850, 1900]


FABRICATED = """
insert into security.event
select gen_random_uuid(), at, $1, seq, outcome, action, kind, interaction, reason, caller, 'framed', client, session,
       roles, methods, as_patient, as_practitioner, organization, tenant, country, purpose, address, request, entities,
       patients, query, detail
from security.event limit 1
"""
FABRICATED_BLOCK = """
insert into security.event_block (id, at, until, xact, accounts, patients, lines)
select gen_random_uuid(), at, until, $1, accounts, patients, lines from security.event_block limit 1
"""


@pytest.mark.parametrize("kind", ["event", "block"])
async def test_rows_where_no_link_looks_are_found(
    fresh_dsn: str, fresh_db: Database, parts: Callable[..., Any], an_event: Make, kind: str
) -> None:
    made = parts(fresh_db)
    await chained(made, an_event, 2)
    reading: Reading = ("R", "read", an_event().caller, "TREAT", "request-1", "")
    made.trail.read(made.clock.now(), reading, ("Patient/p1",), ("p1",))
    await made.trail.settled()
    await chain(made, 1)
    assert await problems(made) == []
    table, sql = ("event", FABRICATED) if kind == "event" else ("event_block", FABRICATED_BLOCK)
    async with owner(fresh_dsn) as conn:
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(sql, -5)
        await conn.execute(f"alter table security.{table} drop constraint {table}_xact_check")
        of = f"select inhrelid::regclass::text from pg_inherits where inhparent = 'security.{table}'::regclass"
        for child in await conn.fetch(of):
            await conn.execute(f"alter table {child[0]} drop constraint if exists {table}_xact_check")
            await conn.execute(f"alter table {child[0]} drop constraint if exists {child[0].split('.')[1]}_xact_check")
        for place in (-5, 10**15):
            await conn.execute(sql, place)
            assert await problems(made) == ["inserted"]
            await conn.execute(f"delete from security.{table} where xact = $1", place)
    assert await problems(made) == []
