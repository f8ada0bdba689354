"""Single writes that arrive while others are under way travel together: one statement, one commit for all of them.

Each keeps what it would have had alone. Its result is given out after the commit that holds it. When the statement of a
group is refused, nothing of it has happened, and each of its writes is done again by itself: one client's conflict is
only that client's. No resource is in a group twice, nor in two groups that run at once, so groups
do not wait for each other; they may wait for a transaction that holds one of their rows, as each would have had to.

Nobody waits for company: a write starts at once while fewer than `writers` are under way. Measured with 16 clients in
docs/performance.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar, cast

from kuska.infra.postgres.errors import LostError

E = TypeVar("E")  # what is to be written
R = TypeVar("R")  # what comes of it

_MOST = 32


class Grouping(Generic[E, R]):
    def __init__(
        self, send: Callable[[Sequence[E]], Awaitable[Sequence[R]]], key: Callable[[E], Hashable], writers: int
    ) -> None:
        """`send` does all or nothing, results in the order given; `key` says which resource."""
        self._send = send
        self._key = key
        self._writers = writers
        self._waiting: deque[tuple[E, asyncio.Future[R]]] = deque()
        self._under_way: set[Hashable] = set()
        self._running: set[asyncio.Task[None]] = set()

    async def write(self, entry: E) -> R:
        turn: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, turn))
        if len(self._running) < self._writers:
            self._start()
        return await turn

    def _start(self) -> None:
        self._running.add(asyncio.create_task(self._run()))

    async def _run(self) -> None:
        try:
            while group := self._next():
                keys = [self._key(entry) for entry, _ in group]
                self._under_way.update(keys)
                try:
                    await self._write(group)
                finally:
                    self._under_way.difference_update(keys)
        finally:
            # In the same step as the last look: a write that comes after it must find a free place and start anew.
            self._running.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    def _next(self) -> list[tuple[E, asyncio.Future[R]]]:
        """The oldest that wait, without those of a resource that is being written or already among them."""
        group: list[tuple[E, asyncio.Future[R]]] = []
        chosen: set[Hashable] = set()
        left: list[tuple[E, asyncio.Future[R]]] = []
        while self._waiting and len(group) < _MOST:
            entry, turn = self._waiting.popleft()
            if turn.done():
                continue  # its client has gone before it was begun
            key = self._key(entry)
            if key in chosen or key in self._under_way:
                left.append((entry, turn))
            else:
                chosen.add(key)
                group.append((entry, turn))
        self._waiting.extendleft(reversed(left))
        return group

    async def _write(self, group: list[tuple[E, asyncio.Future[R]]]) -> None:
        try:
            results = await self._send([entry for entry, _ in group])
        except LostError as error:
            # Whether it was committed is not known: nobody may do it again but the client.
            for _, turn in group:
                _settle(turn, error=error)
        except Exception as error:  # noqa: BLE001 - each gets its own
            if len(group) == 1:
                _settle(group[0][1], error=error)
                return
            for each in group:
                await self._write([each])
        except BaseException as error:
            for _, turn in group:
                _settle(turn, error=error)
            raise
        else:
            for (_, turn), result in zip(group, results, strict=True):
                if not turn.done():
                    turn.set_result(result)


def _settle(turn: asyncio.Future[R], *, error: BaseException) -> None:
    if not turn.done():
        turn.set_exception(error)
