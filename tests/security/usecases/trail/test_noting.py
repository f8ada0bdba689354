"""Nothing that was noted is lost, and nothing is answered that could not be noted."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import structlog

from kuska.infra.postgres.database import Database
from kuska.infra.postgres.errors import LostError
from kuska.kit.clock import SystemClock
from kuska.kit.errors import Issue, UnavailableError
from kuska.security.contracts import Event
from kuska.security.domain.trail_line import Line, line
from kuska.security.settings import SecuritySettings
from kuska.security.store.trail_events import TrailEvents
from kuska.security.store.trail_journal import Journal
from kuska.security.usecases.trail.running import open_trail

Make = Callable[..., Event]
Parts = Callable[..., Any]
Stored = Callable[[Database], Awaitable[list[str]]]

_CHILD = """
import sys, os
from datetime import datetime, UTC
from pathlib import Path
from typing import Any
from kuska.security.contracts import Event
from kuska.security.domain.trail_line import line
from kuska.security.store.trail_journal import Journal
from kuska.security.visit import event_id
journal = Journal(Path(sys.argv[1]), 1 << 20, segment=2000)
while True:
    event = Event(id=event_id(), at=datetime.now(UTC), action="R", kind="rest", entities=("Observation/1",))
    journal.write(line(event))
    os.write(1, event.id.encode() + b"\\n")  # the answer
"""


_FULL = """
import sys, os, resource
from datetime import datetime, UTC
from pathlib import Path
from kuska.kit.errors import UnavailableError
from kuska.security.contracts import Event
from kuska.security.domain.trail_line import line
from kuska.security.store.trail_journal import Journal
from kuska.security.visit import event_id
journal = Journal(Path(sys.argv[1]), 1 << 20)
def note():
    event = Event(id=event_id(), at=datetime.now(UTC), action="R", kind="rest")
    try:
        journal.write(line(event))
    except UnavailableError as error:
        print(error.issues[0].message)
    else:
        print(event.id)
note()
allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (journal.waiting + 100, allowed[1]))
note()
note()
resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
note()
sys.stdout.flush()
os._exit(0)
"""


class Flaky(TrailEvents):
    """A database that is away while `away` is set; `after`: it commits, and the connection is lost over the answer."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self.away = False
        self.after = 0

    async def append(self, lines: list[Line]) -> None:  # type: ignore[override]
        if self.away:
            raise LostError(Issue(code="transient", message="database.connection-lost"))
        await super().append(lines)
        if self.after:
            self.after -= 1
            raise LostError(Issue(code="transient", message="database.connection-lost"))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.005)


@pytest.mark.requirement("HC-09")
@pytest.mark.requirement("LW-31")
async def test_noted_events_arrive_by_themselves(
    fresh_db: Database, tmp_path: Path, an_event: Make, stored: Stored, parts: Parts
) -> None:
    events = [an_event() for _ in range(50)]
    async with open_trail(fresh_db, SecuritySettings(), SystemClock(), tmp_path) as trail:
        for event in events[:25]:
            trail.note(event)
        expected = [event.id for event in events]

        async def arrived() -> bool:
            return await stored(fresh_db) == expected[:25]

        await until(arrived)
        for event in events[25:]:
            trail.note(event)
    assert await stored(fresh_db) == expected  # the end of the process waits for them
    assert not list((tmp_path / "journal").iterdir())


@pytest.mark.requirement("LW-31")
async def test_a_killed_process_loses_nothing_it_has_answered(
    fresh_db: Database, tmp_path: Path, stored: Stored, parts: Parts
) -> None:
    folder = tmp_path / "journal"
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(folder)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    answered = [child.stdout.readline().decode().strip() for _ in range(200)]
    events = Flaky(fresh_db)
    made = parts(fresh_db, events)
    flushing, journal = made.flushing, made.journal
    assert await flushing.adopt(folder) == 0  # it lives: its journal is its own
    os.kill(child.pid, signal.SIGKILL)
    answered += child.stdout.read().decode().split("\n")[:-1]
    child.wait()
    child.stdout.close()
    with next(path for path in sorted(folder.glob("*.journal"), reverse=True) if path.stat().st_size).open(
        "ab"
    ) as file:
        file.write(b'0badc0de ["torn')
    events.after = 1  # committed, and not known to be: the next one finds what is there already
    with pytest.raises(LostError):
        await flushing.adopt(folder)
    assert await flushing.adopt(folder) >= len(answered)
    noted = await stored(fresh_db)
    assert noted[: len(answered)] == answered
    assert len(noted) == len(set(noted))
    journal.close()
    assert not list(folder.glob("*.journal"))
    half = folder / "x.new"  # killed before it was a journal; removed when it is old
    half.touch()
    os.utime(half, (0, 0))
    assert await flushing.adopt(folder) == 0
    assert not half.exists()


async def test_while_the_database_is_away_events_wait_and_then_requests_are_refused(
    fresh_db: Database, tmp_path: Path, an_event: Make, stored: Stored, parts: Parts
) -> None:
    events = Flaky(fresh_db)
    events.away = True
    made = parts(fresh_db, events, limit=20_000)
    trail, flushing = made.trail, made.flushing
    running = asyncio.create_task(flushing.run())
    noted: list[str] = []
    with pytest.raises(UnavailableError) as refused:
        while len(noted) < 1000:
            event = an_event()
            trail.note(event)
            noted.append(event.id)
    assert refused.value.issues[0].message == "trail.journal-full"
    assert 20 < len(noted) < 200
    assert trail.metrics.refused._value.get() == 1
    with pytest.raises(UnavailableError):
        await trail.keep(an_event())
    with pytest.raises(UnavailableError):
        await flushing.flush()
    events.away = False

    async def arrived() -> bool:
        return await stored(fresh_db) == noted

    await until(arrived)
    trail.note(an_event())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await flushing.flush()


async def test_a_database_that_is_really_away_and_back(
    fresh_dsn: str, server_dsn: str, tmp_path: Path, an_event: Make, stored: Stored
) -> None:
    """Connections cut and refused while events are noted; the program goes on and ends, and starts again."""
    name = urlsplit(fresh_dsn).path[1:]
    admin = await asyncpg.connect(server_dsn)
    before, meanwhile, later = an_event(), an_event(), an_event()
    db = await Database.open(fresh_dsn)
    async with open_trail(db, SecuritySettings(), SystemClock(), tmp_path) as trail:
        trail.note(before)
        await trail.settled()
        await admin.execute(f"alter database {name} allow_connections false")
        await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        trail.note(meanwhile)
        with pytest.raises(UnavailableError):
            await trail.settled()
    await db.close()
    assert len(list((tmp_path / "journal").glob("*.journal"))) == 1
    await admin.execute(f"alter database {name} allow_connections true")
    await admin.close()
    db = await Database.open(fresh_dsn)
    async with open_trail(db, SecuritySettings(), SystemClock(), tmp_path) as trail:
        trail.note(later)
    assert not list((tmp_path / "journal").iterdir())
    await db.close()
    db = await Database.open(fresh_dsn)
    assert await stored(db) == [before.id, meanwhile.id, later.id]
    await db.close()


async def test_a_full_disk_refuses_and_leaves_no_half_line(
    fresh_db: Database, tmp_path: Path, stored: Stored, parts: Parts
) -> None:
    """RLIMIT_FSIZE stops writing in the middle of a line, as a full disk does; in a child, for it is of a whole process."""
    folder = tmp_path / "journal"
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(folder)], capture_output=True, text=True, timeout=60, check=True
    )
    said = done.stdout.split()
    assert said[1:3] == ["trail.journal-unwritable"] * 2
    assert await parts(fresh_db).flushing.adopt(folder) == 2
    assert await stored(fresh_db) == [said[0], said[3]]


async def test_a_damaged_line_is_set_aside_and_the_others_arrive(
    fresh_db: Database, tmp_path: Path, an_event: Make, stored: Stored, parts: Parts
) -> None:
    folder = tmp_path / "journal"
    dead = Journal(folder, 1 << 20)
    events = [an_event() for _ in range(3)]
    for event in events:
        dead.write(line(event))
    dead.close()
    path = next(folder.glob("*.journal"))
    raw = bytearray(path.read_bytes())
    raw[raw.index(events[1].id.encode())] ^= 1
    path.write_bytes(raw)
    flushing = parts(fresh_db).flushing
    assert await flushing.adopt(folder) == 2
    assert await stored(fresh_db) == [events[0].id, events[2].id]
    assert path.with_suffix(".damaged").stat().st_size > 100
    assert flushing._metrics.set_aside._value.get() == 1


@pytest.mark.requirement("LW-28")
async def test_an_event_that_the_database_refuses_does_not_stop_the_others(
    fresh_db: Database, tmp_path: Path, an_event: Make, stored: Stored, parts: Parts
) -> None:
    made = parts(fresh_db)
    trail, journal = made.trail, made.journal
    events = [an_event() for _ in range(9)]
    for number, event in enumerate(events):
        trail.note(event)
        if number == 4:
            journal.write(("not a uuid", *line(an_event(patients=("secret-1",)))[1:]))
    with structlog.testing.capture_logs() as logs:
        await trail.settled()
    assert [each["log_level"] for each in logs] == ["error"]
    assert not {"secret-1", "not a uuid"} & {str(value) for each in logs for value in each.values()}
    assert await stored(fresh_db) == [event.id for event in events]
    assert trail.metrics.set_aside._value.get() == 1
    assert b"not a uuid" in (tmp_path / "journal" / "refused.lines").read_bytes()
    kept = [an_event(), an_event(id="not a uuid"), an_event()]
    ends = await asyncio.gather(*(trail.keep(event) for event in kept), return_exceptions=True)
    assert [type(end) for end in ends] == [type(None), asyncpg.DataError, type(None)]
    assert len(await stored(fresh_db)) == len(events) + 2


@pytest.mark.requirement("LW-31")
async def test_kept_is_committed_also_when_the_answer_of_the_commit_was_lost(
    fresh_db: Database, tmp_path: Path, an_event: Make, stored: Stored, parts: Parts
) -> None:
    database = Flaky(fresh_db)
    database.after = 1
    trail = parts(fresh_db, database).trail
    events = [an_event() for _ in range(40)]
    await asyncio.gather(*(trail.keep(event) for event in events))
    assert sorted(await stored(fresh_db)) == sorted(event.id for event in events)


async def test_a_folder_that_cannot_be_written_stops_the_start(fresh_db: Database, tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("a file")
    with pytest.raises(UnavailableError) as refused:
        async with open_trail(fresh_db, SecuritySettings(), SystemClock(), tmp_path):
            pass
    assert refused.value.issues[0].message == "trail.no-journal"
