"""What has to be done for the trail now and then. Every process tries; the database lets one at a time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta

from kuska.infra.telemetry.logs import logger
from kuska.kit.clock import Clock
from kuska.kit.errors import KuskaError

CHAIN_PAUSE = 1.0
_ORPHANS = timedelta(seconds=30)
_log = logger("trail")


class Chores:
    """`chain` every second, `adopt` twice a minute, `daily` at the start and on every new day."""

    def __init__(
        self,
        clock: Clock,
        chain: Callable[[], Awaitable[object]],
        adopt: Callable[[], Awaitable[object]],
        daily: Callable[[], Awaitable[object]],
    ) -> None:
        self._clock = clock
        self._chain = chain
        self._adopt = adopt
        self._daily = daily
        self._adopted: datetime | None = None
        self._day: date | None = None

    async def run(self) -> None:
        while True:
            # Not all processes at the same moment.
            await asyncio.sleep(CHAIN_PAUSE * random.uniform(0.8, 1.2))
            try:
                await self.once()
            except KuskaError as error:
                _log.info("the trail's chores wait", error=type(error).__name__)
            except Exception:  # noqa: BLE001 - whatever it was, the next turn comes
                _log.exception("the trail's chores")

    async def once(self) -> None:
        now = self._clock.now()
        await self._chain()
        if self._adopted is None or now - self._adopted >= _ORPHANS:
            self._adopted = now
            await self._adopt()
        if self._day != now.date():
            await self._daily()
            self._day = now.date()
