"""Open connections, lent one at a time. Measured: asyncpg's own pool costs 23 µs per loan, three times the statement
itself (docs/adr/0004-database-driver.md); lending the bare connection costs 1 µs.

A loan never leaves a trace for the next one: an open transaction is rolled back, and a connection whose loan ended with
an interruption is put right in the background before anybody gets it again. The last one returned is the first one lent,
so that the server's caches stay warm and those not needed grow old and are closed. One that has lain a while is looked at
before it is lent: on a busy machine the server's farewell may wait to be read behind the very request that asks for it.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

_IDLE = 300.0  # seconds after which a connection that is not needed is closed
_PUTTING_RIGHT = 5.0
_SURE = 0.05  # seconds for which a connection that was just in use counts as alive: looking costs a system call

Connect = Callable[[], Awaitable[asyncpg.Connection]]


class Pool:
    def __init__(self, connect: Connect, size: int) -> None:
        self._connect = connect
        self._room = size  # connections that may still be opened
        self._size = size
        self._free: deque[tuple[asyncpg.Connection, float]] = deque()
        self._lent: set[asyncpg.Connection] = set()
        self._waiting: deque[asyncio.Future[asyncpg.Connection | None]] = deque()
        self._chores: set[asyncio.Task[None]] = set()
        self._closed = False

    async def warm(self, count: int) -> None:
        """Open some in advance; fails when there is no server."""
        for conn in [await self.take(_PUTTING_RIGHT * 2) for _ in range(min(count, self._size))]:
            self.give_back(conn)

    async def take(self, patience: float) -> asyncpg.Connection:
        """TimeoutError when none came free within `patience` seconds."""
        while self._free:
            conn, since = self._free.pop()
            if not conn.is_closed():
                if time.monotonic() - since < _SURE or not _spoken(conn):
                    self._lent.add(conn)
                    return conn
                conn.terminate()
            self._room += 1
        if self._closed:
            raise asyncpg.InterfaceError("the pool is closed")
        if self._room > 0:
            return await self._opened()
        turn: asyncio.Future[asyncpg.Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(patience):
                conn = await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._pass_on(turn.result())  # it came at the very moment of giving up
            raise
        return await self._opened(reserved=True) if conn is None else conn

    def give_back(self, conn: asyncpg.Connection, *, interrupted: bool = False) -> None:
        if conn.is_closed():
            self._pass_on(None, from_loan=conn)
        elif interrupted or conn.is_in_transaction():
            self._chore(self._put_right(conn))
        else:
            self._pass_on(conn)
            self._close_old()

    async def close(self) -> None:
        """No new loans; waits for those under way."""
        self._closed = True
        while self._lent or self._chores:  # noqa: ASYNC110 - once, at the end of the process
            await asyncio.sleep(0.01)
        while self._free:
            await self._free.pop()[0].close(timeout=_PUTTING_RIGHT)

    def terminate(self) -> None:
        self._closed = True
        for conn in [*self._lent, *(conn for conn, _ in self._free)]:
            conn.terminate()
        self._free.clear()

    async def _opened(self, *, reserved: bool = False) -> asyncpg.Connection:
        if not reserved:
            self._room -= 1
        try:
            conn = await self._connect()
        except BaseException:
            self._pass_on(None)
            raise
        self._lent.add(conn)
        return conn

    def _pass_on(self, conn: asyncpg.Connection | None, *, from_loan: asyncpg.Connection | None = None) -> None:
        """To the one who has waited longest; None stands for the room to open one."""
        if from_loan is not None:
            self._lent.discard(from_loan)
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(conn)
                return
        if conn is None:
            self._room += 1
        else:
            self._lent.discard(conn)
            self._free.append((conn, time.monotonic()))

    async def _put_right(self, conn: asyncpg.Connection) -> None:
        try:
            async with asyncio.timeout(_PUTTING_RIGHT):
                # Waits for a cancelled statement to end, rolls back, and undoes what was set on the session.
                await conn.reset()
        except Exception:  # noqa: BLE001 - whatever it is, this connection is not lent again
            conn.terminate()
            self._pass_on(None, from_loan=conn)
        else:
            self._pass_on(conn)

    def _close_old(self) -> None:
        if self._free and len(self._free) > 1 and time.monotonic() - self._free[0][1] > _IDLE:
            conn, _ = self._free.popleft()
            self._room += 1
            self._chore(conn.close(timeout=_PUTTING_RIGHT))

    def _chore(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


def _spoken(conn: asyncpg.Connection) -> bool:
    """The server said something that nobody asked for: its farewell, or that the connection is gone. (What it may say
    otherwise, that a setting has changed, costs a connection and nothing more.)
    """
    transport: Any = conn._transport  # pyright: ignore[reportPrivateUsage,reportUnknownMemberType,reportAttributeAccessIssue]  # noqa: SLF001 - asyncpg has no public way to its socket
    socket = transport.get_extra_info("socket")
    if socket is None or (file := socket.fileno()) < 0:
        return True
    looking = select.poll()
    looking.register(file, select.POLLIN)
    return bool(looking.poll(0))
