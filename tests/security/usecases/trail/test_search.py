"""Who saw whose data, when: found, paged, taken away."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from tests.security.usecases.trail.moments import NOON

from kuska.infra.postgres.database import Database
from kuska.kit.errors import IncorrectError
from kuska.security.contracts import Caller, Event
from kuska.security.domain.trail_question import Question
from kuska.security.errors import StepUpError
from kuska.security.store.trail_search import pieces
from kuska.security.usecases.unrestricted import Unrestricted, visit_system
from kuska.security.visit import Visit, event_id

Make = Callable[..., Event]
Parts = Callable[..., Any]

pytestmark = pytest.mark.requirement("LW-31")


def person(account: str, **more: Any) -> Caller:
    return Caller(kind="person", account=account, address="10.0.0.1", **more)


@pytest.fixture
async def made(fresh_db: Database, parts: Parts, an_event: Make) -> Any:
    made = parts(fresh_db)
    hour = timedelta(hours=1)
    events = [
        an_event(caller=person("a1"), patients=("p1",), entities=("Patient/p1",), purpose="TREAT"),
        an_event(at=NOON + hour, caller=person("a2", practitioner="d1"), patients=("p1", "p2"), query="code=x"),
        an_event(at=NOON + 2 * hour, caller=person("a1"), patients=("p2",), entities=("Observation/7",), action="U"),
        an_event(at=NOON + 3 * hour, caller=person("a1"), kind="login", outcome="8", reason="security.password"),
        an_event(at=NOON + 4 * hour, caller=person("a3"), kind="break-glass", patients=("p3",), action="E"),
        an_event(at=NOON + 5 * hour, caller=Caller(kind="anonymous", address="10.0.0.9"), outcome="4"),
    ]
    async with fresh_db.write() as tx:
        await made.trail.within(tx, events)
    made.clock.moment = NOON + 6 * hour
    return made, events


QUESTIONS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [5, 4, 3, 2, 1, 0]),
    ({"patient": "p1"}, [1, 0]),
    ({"patient": "p2"}, [2, 1]),
    ({"patient": "p"}, []),
    ({"account": "a1"}, [3, 2, 0]),
    ({"practitioner": "d1"}, [1]),
    ({"patient": "p2", "account": "a1"}, [2]),
    ({"kind": "break-glass"}, [4]),
    ({"kind": "rest"}, [5, 2, 1, 0]),
    ({"outcome": "failed"}, [5, 3]),
    ({"outcome": "8"}, [3]),
    ({"outcome": "0"}, [4, 2, 1, 0]),
    ({"outcome": "0", "patient": "p3"}, [4]),
    ({"action": "U"}, [2]),
    ({"purpose": "TREAT"}, [0]),
    ({"address": "10.0.0.9"}, [5]),
    ({"entity": "Observation/7"}, [2]),
    ({"since": NOON + timedelta(hours=4)}, [5, 4]),
    ({"until": NOON + timedelta(hours=1)}, [0]),
    ({"since": NOON + timedelta(hours=1), "until": NOON + timedelta(hours=2)}, [1]),
]


async def walk(trail: Any, question: Question, limit: int) -> list[str]:
    found: list[str] = []
    after = ""
    while True:
        page = await trail.search(question, after=after, limit=limit)
        found += [event.id for event in page.events]
        if not (after := page.next):
            return found


async def test_questions_in_one_page_and_in_many(made: Any) -> None:
    parts, events = made
    for given, expected in QUESTIONS:
        ids = [events[place].id for place in expected]
        for limit in (50, 1):
            assert await walk(parts.trail, Question(**given), limit) == ids, (given, limit)


def test_every_part_of_a_question_is_asked() -> None:
    assert {each.name for each in fields(Question)} == {*pieces(), "outcome"}


async def test_events_of_one_moment_are_neither_lost_nor_doubled_between_pages(
    fresh_db: Database, parts: Parts, an_event: Make
) -> None:
    made = parts(fresh_db)
    async with fresh_db.write() as tx:
        await made.trail.within(tx, [an_event() for _ in range(7)])
    seen = await walk(made.trail, Question(), 3)
    assert len(seen) == len(set(seen)) == 7


async def test_by_its_id(made: Any) -> None:
    parts, events = made
    found = await parts.trail.find(events[1].id)
    assert (found.at, found.patients, found.caller) == (events[1].at, ("p1", "p2"), events[1].caller)
    assert await parts.trail.find(event_id()) is None
    for wrong in ("", "1", "x' or '1'='1", events[1].id.upper() + " "):
        assert await parts.trail.find(wrong) is None


async def test_what_is_no_cursor_is_refused(made: Any) -> None:
    for after in ("1", "1.2", "-1.01a1feac-fd54-7e3f-8b67-91ccc6dbc086", "1' or 1=1", "9" * 40):
        with pytest.raises(IncorrectError):
            await made[0].trail.search(Question(), after=after)


async def test_everything_comes_back_as_it_was_noted(fresh_db: Database, parts: Parts, an_event: Make) -> None:
    made = parts(fresh_db)
    caller = Caller(
        kind="partner", account="a", client="c", session="s", roles=("x", "y"), patient="p", practitioner="d",
        organization="o", tenant="t", country="CL", purpose="HRESCH", address="::1", methods=("pwd", "otp"),
    )  # fmt: skip
    event = an_event(
        caller=caller, purpose="HRESCH", action="D", kind="rest", interaction="delete", outcome="12", reason="ñ é 漢",
        request="r", entities=("A/1", "B/2"), patients=("p1", "p2"), query="a=ñ", detail=(("k", "v"), ("ñ", "漢")),
    )  # fmt: skip
    await made.trail.keep(event)
    noted = an_event(caller=caller, detail=(("k", "v"),), query="ñ")
    made.trail.note(noted)
    await made.trail.settled()
    caller = replace(caller, purpose="")  # what was asked for; what it was is the event's
    assert await made.trail.find(event.id) == replace(event, caller=caller)
    assert await made.trail.find(noted.id) == replace(noted, caller=caller)


async def test_an_export_is_complete_and_is_itself_in_the_trail(made: Any) -> None:
    parts, events = made
    visit = visit_system("audit export", parts.trail, parts.clock)
    raw = b"".join([piece async for piece in parts.trail.export(visit, Question(), "ndjson")])
    nodes = [json.loads(line) for line in raw.splitlines()]
    assert [node["id"] for node in nodes] == [event.id for event in events]
    assert {node["resourceType"] for node in nodes} == {"AuditEvent"}
    assert {node["source"]["site"] for node in nodes} == {"demo"}
    newest = (await parts.trail.search(Question(kind="export"))).events
    assert [(event.caller.account, event.interaction) for event in newest] == [("system:audit export", "audit")]
    assert dict(newest[0].detail)["form"] == "ndjson"


@pytest.mark.requirement("HC-07")
async def test_nobody_takes_the_trail_away_without_a_fresh_factor(made: Any) -> None:
    parts, _ = made
    now = parts.clock.now()
    for confirmed in (None, now - timedelta(minutes=11)):
        caller = Caller(kind="person", account="auditor", confirmed=confirmed)
        visit = Visit(Unrestricted(caller, "HOPERAT"), parts.trail, parts.clock)
        with pytest.raises(StepUpError):
            parts.trail.export(visit, Question(), "csv")
    await parts.trail.settled()
    noted = (await parts.trail.search(Question(kind="export"))).events
    assert [(event.outcome, event.reason) for event in noted] == [("4", "security.step-up")] * 2
    fresh = Caller(kind="person", account="auditor", confirmed=now - timedelta(minutes=9))
    visit = Visit(Unrestricted(fresh, "HOPERAT"), parts.trail, parts.clock)
    assert [piece async for piece in parts.trail.export(visit, Question(), "csv")]


async def test_a_table_runs_no_formula_in_a_spreadsheet(made: Any, an_event: Make) -> None:
    parts, _ = made
    await parts.trail.keep(an_event(query='=HYPERLINK("http://evil.example")', reason="-1", patients=("p9",)))
    visit = visit_system("audit export", parts.trail, parts.clock)
    raw = b"".join([piece async for piece in parts.trail.export(visit, Question(patient="p9"), "csv")])
    rows = list(csv.DictReader(io.StringIO(raw.decode())))
    assert [row["patients"] for row in rows] == ["p9"]
    assert rows[0]["query"].startswith("'=")
    assert rows[0]["reason"] == "'-1"
    asked = (await parts.trail.search(Question(patient="p9"))).events[0]
    assert asked.kind == "export"  # whose trail was taken is asked, too
