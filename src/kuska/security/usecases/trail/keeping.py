"""Events that must be committed before somebody is answered travel together: one statement, one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from kuska.infra.postgres.errors import LostError
from kuska.kit.errors import BusyError, UnavailableError
from kuska.security.domain.trail_line import Line
from kuska.security.store.trail_events import TrailEvents

_MOST = 500
_WRITERS = 2
_ATTEMPTS = 3


class Keeping:
    def __init__(self, events: TrailEvents) -> None:
        self._events = events
        self._waiting: list[tuple[Line, asyncio.Future[None]]] = []
        self._running: set[asyncio.Task[None]] = set()

    async def keep(self, line: Line) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((line, turn))
        if len(self._running) < _WRITERS:
            self._running.add(asyncio.create_task(self._run()))
        await turn

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                await self._write(group)
        finally:
            task = asyncio.current_task()
            if task is not None:
                self._running.discard(task)

    async def _write(self, group: Sequence[tuple[Line, asyncio.Future[None]]]) -> None:
        try:
            await self._send([line for line, _ in group])
        except BaseException as error:
            if len(group) > 1 and isinstance(error, Exception) and not isinstance(error, (UnavailableError, BusyError)):
                for each in group:  # one of them is at fault, and only that one fails
                    await self._write([each])
                return
            for _, turn in group:
                if not turn.done():
                    turn.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
            if not isinstance(error, Exception):
                raise
        else:
            for _, turn in group:
                if not turn.done():
                    turn.set_result(None)

    async def _send(self, lines: Sequence[Line]) -> None:
        """Again when the connection was lost over it: an event that is there already is not doubled."""
        for _ in range(_ATTEMPTS - 1):
            try:
                await self._events.append(lines)
            except LostError:
                continue
            return
        await self._events.append(lines)
