"""What is reached through broken glass says so in the trail, by the grant that opened it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.security.usecases.visitors import SETTINGS, House, Register, emptied, house

from kuska.infra.postgres.database import Database
from kuska.kit.errors import NotFoundError
from kuska.security.errors import RefusedByPolicyError
from kuska.security.usecases.glass import BreakGlass

pytestmark = pytest.mark.requirement("HC-09")
REASON = "Unconscious in the emergency room, no relatives here."


@pytest.fixture
async def at(db: Database) -> AsyncIterator[House]:
    await emptied(db)
    yield house(db)
    await emptied(db)


async def test_a_read_through_broken_glass_names_the_grant(at: House) -> None:
    glass = await at.glass.break_glass(await at.visit("physician"), "p1", REASON)
    visit = await at.visit("physician")
    visit.gave("Observation/1", "p1")
    visit.gave("Observation/2", "p2")
    await visit.end("R")
    assert at.lines.events[-1].detail == (("glass", glass.id),)
    assert visit.written("U", "Observation/1", "p1").detail == (("glass", glass.id),)


async def test_what_was_not_opened_or_not_given_is_not_marked(at: House) -> None:
    await at.glass.break_glass(await at.visit("physician"), "p1", REASON)
    visit = await at.visit("physician")
    visit.gave("Observation/2", "p2")
    await visit.end("R")
    assert at.lines.events[-1].detail == ()
    assert visit.event("R", outcome="4", patients=("p1",)).detail == ()
    at.clock.advance(timedelta(minutes=60))
    assert (await at.visit("physician")).written("U", "Observation/1", "p1").detail == ()


async def test_asking_again_for_what_is_open_keeps_the_grant_and_rings_no_second_alarm(at: House) -> None:
    visit = await at.visit("physician")
    first = await at.glass.break_glass(visit, "p1", REASON)
    second = await at.glass.break_glass(visit, "p1", REASON)
    assert (first.told, first.again) == (True, False)
    assert (second.told, second.again) == (False, True)
    assert (second.id, second.until) == (first.id, first.until)
    assert [event.interaction for event in at.lines.events] == ["open", "open-again"]
    assert {event.detail for event in at.lines.events} == {(("glass", first.id),)}
    async with at.db.read() as conn:
        assert await conn.fetchval("select count(*) from security.mail where kind = 'break-glass'") == 1
    # Closed is closed: then it is a new one.
    await at.glass.end(visit, first.id)
    assert (await at.glass.break_glass(visit, "p1", REASON)).id != first.id


async def test_nobody_was_told_where_no_mail_goes_out(at: House) -> None:
    without_address = house(at.db, type(SETTINGS)(tenant="hospital"))
    assert not without_address.glass.tells
    assert not (await without_address.glass.break_glass(await at.visit("physician"), "p1", REASON)).told
    without_server = BreakGlass(at.db, SETTINGS, at.clock, at.epoch, Register(), posts=False)
    assert not (await without_server.break_glass(await at.visit("physician"), "p2", REASON)).told


async def test_a_review_is_somebody_elses_done_once_and_in_the_trail(at: House) -> None:
    glass = await at.glass.break_glass(await at.visit("physician"), "p1", REASON)
    with pytest.raises(RefusedByPolicyError):
        await at.glass.review(await at.visit("physician"), glass.id)
    with pytest.raises(RefusedByPolicyError):
        await at.glass.review(await at.visit("auditor", account=glass.account), glass.id)
    auditor = await at.visit("auditor")
    await at.glass.review(auditor, glass.id)
    (seen,) = await at.glass.page(auditor)
    assert (seen.reviewed, seen.reviewed_by) == (at.clock.now(), auditor.access.caller.account)
    line = at.lines.events[-1]
    assert (line.kind, line.interaction, line.patients) == ("break-glass", "review", ("p1",))
    assert line.detail == (("glass", glass.id),)
    for missing in (glass.id, "nothing"):
        with pytest.raises(NotFoundError):
            await at.glass.review(auditor, missing)
