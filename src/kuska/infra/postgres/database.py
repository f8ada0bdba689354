"""The pools: one for reading, one for writing, with time limits, quiet retries and the house's errors.

async with db.read() as conn: ...            one read-only connection, a snapshot per statement
async with db.snapshot() as conn: ...        one read-only transaction: every statement sees the same moment
async with db.write() as tx: ...             one transaction, committed at the end; not retried
await db.transact(work)                      the same, run again when it met a deadlock or serialization failure
await db.single(work)                        work is exactly one statement, which is its own transaction: no BEGIN
                                             and COMMIT round trips; retried like transact
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar, cast

import asyncpg

from kuska.infra.postgres.connection import Read, Write
from kuska.infra.postgres.errors import DRIVER, FOREIGN, ContentionError, border, raise_translated
from kuska.infra.postgres.pool import Pool
from kuska.infra.postgres.room import Room
from kuska.kit.bounds import Count, Seconds
from kuska.kit.errors import BusyError, Issue, UnavailableError

T = TypeVar("T")
OLDEST_SERVER = 15
_ATTEMPTS = 6
Check = Callable[[Read], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    # Connections for reading, per process.
    read_connections: Count = 8
    # Connections for writing, per process.
    write_connections: Count = 8
    # Seconds to wait for a free connection before the client is told to come back later.
    acquire_seconds: Seconds = 5.0
    # Seconds a statement may take.
    statement_seconds: Seconds = 30.0
    # Seconds a statement may wait for a lock.
    lock_seconds: Seconds = 10.0


class Database:
    def __init__(
        self, reading: Pool, writing: Pool, limits: Limits, room: Room | None = None, checks: list[Check] | None = None
    ) -> None:
        self._checks: list[Check] = [] if checks is None else checks
        self._reading = reading
        self._room = room
        self._writing = writing
        self._limits = limits

    @classmethod
    async def open(cls, dsn: str, limits: Limits | None = None, room: Room | None = None) -> Database:
        """`room`: on the disk of a server whose disk is ours to look after."""
        limits = limits or Limits()
        checks: list[Check] = []
        with border():
            reading = _pool(dsn, limits.read_connections, limits, checks, read_only=True)
            writing = _pool(dsn, limits.write_connections, limits, checks, read_only=False)
            try:
                await reading.warm(2)
                await writing.warm(2)
            except BaseException:
                reading.terminate()
                raise
        return cls(reading, writing, limits, room, checks)

    def demand(self, check: Check) -> None:
        """Every connection opened from now on has to pass it, or is closed unused and its user gets the error."""
        self._checks.append(check)

    async def close(self, patience: float = 10.0) -> None:
        """Lets running work end for `patience` seconds, then cuts it off."""
        for pool in (self._reading, self._writing):
            try:
                await asyncio.wait_for(pool.close(), patience)
            except TimeoutError:
                pool.terminate()

    def read(self) -> AbstractAsyncContextManager[Read]:
        return _Session(self._reading, self._limits.acquire_seconds)

    def snapshot(self) -> AbstractAsyncContextManager[Read]:
        return _Transaction(self._reading, self._limits.acquire_seconds, "repeatable_read")

    def write(self) -> AbstractAsyncContextManager[Write]:
        if self._room is not None:
            self._room.require()
        return _Transaction(self._writing, self._limits.acquire_seconds)

    async def transact(self, work: Callable[[Write], Awaitable[T]]) -> T:
        async def attempt() -> T:
            async with self.write() as tx:
                return await work(tx)

        return await _retried(attempt)

    async def single(self, work: Callable[[Write], Awaitable[T]]) -> T:
        async def attempt() -> T:
            if self._room is not None:
                self._room.require()
            async with _Session(self._writing, self._limits.acquire_seconds) as conn:
                return await work(conn)

        return await _retried(attempt)


class _Session:
    """A connection for one `async with`; foreign errors leave it as ours. A class: it costs a third of a generator."""

    __slots__ = ("_patience", "_pool", "conn")

    def __init__(self, pool: Pool, patience: float) -> None:
        self._pool = pool
        self._patience = patience

    async def __aenter__(self) -> Write:
        try:
            self.conn = await self._pool.take(self._patience)
        except TimeoutError as late:
            raise BusyError(Issue(code="throttled", message="database.no-free-connection")) from late
        except FOREIGN as error:
            raise_translated(error)
        return cast("Write", self.conn)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After an error of the server, or of our own, the connection is in order; after these it may not be.
        interrupted = isinstance(error, (asyncio.CancelledError, GeneratorExit, OSError, *DRIVER))
        self._pool.give_back(self.conn, interrupted=interrupted)
        if isinstance(error, FOREIGN):
            raise_translated(error)


class _Transaction(_Session):
    __slots__ = ("_isolation", "_transaction")

    def __init__(self, pool: Pool, patience: float, isolation: str | None = None) -> None:
        super().__init__(pool, patience)
        self._isolation = isolation

    async def __aenter__(self) -> Write:
        conn = await super().__aenter__()
        self._transaction: Any = self.conn.transaction(isolation=self._isolation)
        try:
            await self._transaction.start()
        except BaseException as error:
            await super().__aexit__(type(error), error, error.__traceback__)
            raise
        return conn

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failed: BaseException | None = error
        try:
            if error is None:
                await self._transaction.commit()
            elif not self.conn.is_closed():
                await self._transaction.rollback()
        except BaseException as later:
            failed = error or later
            raise
        finally:
            await super().__aexit__(type(failed) if failed else None, failed, trace)


async def _retried(attempt: Callable[[], Awaitable[T]]) -> T:
    for turn in range(_ATTEMPTS - 1):
        try:
            return await attempt()
        except ContentionError:
            # Those that met here must not meet again: wait a random time that doubles.
            await asyncio.sleep(random.uniform(0.0, 0.005 * 2**turn))
    return await attempt()


def _pool(dsn: str, size: int, limits: Limits, checks: Sequence[Check], *, read_only: bool) -> Pool:
    async def connect() -> asyncpg.Connection:
        conn = await asyncpg.connect(
            dsn,
            # Statements are few and dear to plan: keep them as long as the connection lives.
            statement_cache_size=2000,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=64 * 1024,
            # The client gives up a little after the server should have, in case the network is gone.
            command_timeout=limits.statement_seconds + 5,
            timeout=10,
            server_settings={
                "application_name": "kuska",
                "jit": "off",
                "default_transaction_read_only": "on" if read_only else "off",
                "statement_timeout": f"{int(limits.statement_seconds * 1000)}",
                "lock_timeout": f"{int(limits.lock_seconds * 1000)}",
                "idle_in_transaction_session_timeout": "60000",
                "timezone": "UTC",
            },
        )
        if conn.get_server_version().major < OLDEST_SERVER:
            await conn.close()
            raise UnavailableError(Issue(code="exception", message="database.too-old"))
        try:
            for check in checks:
                await check(cast("Read", conn))
        except BaseException:
            await conn.close(timeout=1)
            raise
        return conn

    return Pool(connect, size)
