"""From the journal into the database: in batches, again until it worked, with what dead processes left behind first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from kuska.infra.postgres.errors import RefusedError
from kuska.infra.telemetry.logs import logger
from kuska.infra.telemetry.trail import TrailMetrics
from kuska.security.domain.trail_block import Block, block
from kuska.security.domain.trail_line import encoded
from kuska.security.store.trail_events import TrailEvents
from kuska.security.store.trail_journal import Batch, Journal, Remains, left_behind

PAUSE = 0.2  # seconds that events gather: a batch costs by itself as much as a hundred of them
_LONGEST_PAUSE = 2.0  # between attempts while the database is away
_BATCH = 256 << 10  # bytes: some 700 lines, a few milliseconds
_log = logger("trail")
T = TypeVar("T")


def _of_the_lines(error: Exception) -> bool:
    """Would the same lines be refused again? (Data errors, broken rules, too long for an index.) All else may pass."""
    state = str(getattr(error, "sqlstate", None) or "")
    return isinstance(error, RefusedError) or state.startswith(("22", "54"))


class Flushing:
    def __init__(self, journal: Journal, events: TrailEvents, metrics: TrailMetrics) -> None:
        self._journal = journal
        self._events = events
        self._metrics = metrics
        self._something = asyncio.Event()
        self.awake = False  # the same, for those who would ask it with every read
        self._since = 0.0  # when the oldest of what waits began to wait
        self._turn = asyncio.Lock()

    def wake(self) -> None:
        if not self.awake:
            self.awake = True
            self._since = time.monotonic()
            self._something.set()

    async def run(self) -> None:
        pause = PAUSE
        while True:
            await self._something.wait()
            await asyncio.sleep(pause)
            try:
                await self.flush()
                pause = PAUSE
            except Exception as error:  # noqa: BLE001 - whatever it is
                # The journal keeps them, and refuses requests when it is full.
                if pause == PAUSE:
                    _log.warning("the trail waits for the database", error=type(error).__name__)
                pause = min(_LONGEST_PAUSE, pause * 2)
                self._measure()

    async def flush(self) -> None:
        """Everything that waits when it begins.

        Raises:
            Exception: the database does not take it now, for whatever reason.
        """
        async with self._turn:
            # Not what comes meanwhile: it gathers for the next time, or the batches would be of two lines each.
            left = self._journal.waiting
            while left > 0 and (batch := self._journal.next(_BATCH)) is not None:
                await self._bring(batch)
                self._journal.done(batch)
                self._metrics.noted.inc(sum(map(len, batch.reads.values())))  # the others are counted one by one
                left -= batch.bytes
            if not self._journal.waiting:
                self.awake = False
                self._something.clear()
            self._measure()

    async def adopt(self, folder: Path) -> int:
        """What dead processes left; how many events. Those that were in the database already are not doubled."""
        adopted = 0
        for remains in left_behind(folder):
            try:
                adopted += await self._take_in(remains)
            except BaseException:
                remains.leave()
                raise
            remains.remove()
        if adopted:
            _log.info("events of an ended process brought in", events=adopted)
        return adopted

    async def _take_in(self, remains: Remains) -> int:
        adopted = 0
        while (batch := remains.next(_BATCH)) is not None:
            await self._bring(batch)
            for record in batch.damaged:
                remains.set_aside(record)
            if batch.torn:
                _log.info("a torn last line in the journal of a killed process, never answered")
            remains.done(batch)
            adopted += len(batch.lines) + sum(map(len, batch.reads.values()))
        return adopted

    async def _bring(self, batch: Batch) -> None:
        if batch.damaged:
            self._metrics.set_aside.inc(len(batch.damaged))
            _log.error("damaged lines in the journal: the disk may be failing", lines=len(batch.damaged))
        await self._append(batch.lines, self._events.append, lambda line: self._journal.set_aside(encoded(line)))
        blocks: list[Block] = []
        for id_, lines in batch.reads.items():
            beside = batch.besides.get(id_)
            try:
                blocks.append(block(id_, lines) if beside is None else beside.block(id_, lines))
            except ValueError as error:
                self._refused(error)
                self._journal.set_aside(*lines)
        await self._append(blocks, self._events.append_blocks, lambda one: self._journal.set_aside(*one.lines))

    async def _append(
        self, some: Sequence[T], append: Callable[[Sequence[T]], Awaitable[None]], set_aside: Callable[[T], None]
    ) -> None:
        """All of them, but for those that the database will never take: one of these must not stop the trail."""
        if not some:
            return
        try:
            await append(some)
        except Exception as error:
            if not _of_the_lines(error):
                raise
            if len(some) == 1:
                self._refused(error)
                set_aside(some[0])
                return
            half = len(some) // 2
            await self._append(some[:half], append, set_aside)
            await self._append(some[half:], append, set_aside)

    def _refused(self, error: Exception) -> None:
        self._metrics.set_aside.inc()
        _log.error("an event that the database refuses is set aside", error=type(error).__name__)

    def _measure(self) -> None:
        self._metrics.journal_bytes.set(self._journal.waiting)
        self._metrics.journal_age.set(time.monotonic() - self._since if self._journal.waiting else 0.0)
