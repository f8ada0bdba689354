"""How far a page verifies the chain, and that it says so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest

from kuska.portal.audit.checking import DAYS, Most, check

pytestmark = pytest.mark.requirement("HC-09")
TODAY = date(2026, 11, 21)


@dataclass(frozen=True)
class Finding:
    problem: str
    day: date
    link: int
    event: str = ""


@dataclass
class Report:
    events: int
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Trail:
    """So many events a day; broken on some."""

    a_day: int = 100
    broken: date | None = None
    endless: date | None = None
    asked: list[tuple[date, date]] = field(default_factory=list)

    async def verify(self, first: date, last: date) -> Report:
        self.asked.append((first, last))
        if first == self.endless:
            await asyncio.Event().wait()
        return Report(self.a_day, [Finding("changed", first, 7)] if first == self.broken else [])


async def test_each_of_the_days_once_and_today_without_an_end() -> None:
    trail = Trail()
    checked = await check(trail.verify, TODAY, Most())
    assert (checked.events, checked.whole, checked.broken) == (100 * DAYS, True, None)
    before = [TODAY - timedelta(days=back) for back in range(1, DAYS)]
    assert trail.asked == [(TODAY, date.max), *((day, day) for day in before)]


@pytest.mark.parametrize(("most", "days", "whole"), [(1, 1, False), (250, 3, False), (100 * DAYS, DAYS, True)])
async def test_no_day_is_begun_after_so_many_events(most: int, days: int, whole: bool) -> None:
    trail = Trail()
    checked = await check(trail.verify, TODAY, Most(events=most))
    assert len(trail.asked) == days
    assert (checked.since, checked.whole) == (TODAY - timedelta(days=days - 1), whole)


async def test_a_day_that_takes_too_long_is_not_claimed() -> None:
    for back, since in ((0, None), (2, TODAY - timedelta(days=1))):
        trail = Trail(endless=TODAY - timedelta(days=back))
        checked = await check(trail.verify, TODAY, Most(seconds=0.05))
        assert (checked.since, checked.whole, checked.broken) == (since, False, None)


async def test_what_is_broken_is_said_even_when_the_rest_is_not_reached() -> None:
    trail = Trail(broken=TODAY - timedelta(days=1))
    checked = await check(trail.verify, TODAY, Most(events=150))
    assert checked.broken
    assert (checked.broken.problem, checked.broken.link, checked.whole) == ("changed", 7, False)
    assert len(trail.asked) == 2
