"""What is reached through broken glass says so in the trail, by the grant that opened it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.security.usecases.visitors import House, emptied, house

from kuska.infra.postgres.database import Database

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
