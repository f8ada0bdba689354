"""Is the chain whole, asked from a page: day after day backwards from today, no longer than somebody waits for a page.

A hospital's week is more than a request may compute; what was left out is said, and `kuska audit verify` does all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

DAYS = 7


class Found(Protocol):
    @property
    def problem(self) -> str: ...
    @property
    def day(self) -> date: ...
    @property
    def link(self) -> int: ...
    @property
    def event(self) -> str: ...


class Report(Protocol):
    @property
    def events(self) -> int: ...
    @property
    def findings(self) -> Sequence[Found]: ...


@dataclass(frozen=True, slots=True)
class Most:
    events: int = 200_000  # no further day is begun after so many
    seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    events: int
    since: date | None  # the first of the days that were verified whole; None: not even today
    whole: bool  # all of the days
    broken: Found | None = None


async def check(verify: Callable[[date, date], Awaitable[Report]], today: date, most: Most) -> Checked:
    events, since = 0, None
    try:
        async with asyncio.timeout(most.seconds):
            for back in range(DAYS):
                day = today - timedelta(days=back)
                # The first question has no end: what waits for its link, and heads of the future, are asked about too.
                report = await verify(day, day if back else date.max)
                events += report.events
                if report.findings:
                    return Checked(events=events, since=since, whole=False, broken=report.findings[0])
                since = day
                if events >= most.events:
                    break
    except TimeoutError:
        pass
    whole = since is not None and today - since >= timedelta(days=DAYS - 1)
    return Checked(events=events, since=since, whole=whole)
