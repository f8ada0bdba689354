"""How all processes learn that something changed which they keep in memory: a number in the database, looked at often.

A withdrawn role, token or consent works everywhere within `PAUSE` seconds, in the process that withdrew it at once. When
the database cannot be asked, what is kept is dropped: better slow than out of date.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.logs import logger
from kuska.kit.background import beside
from kuska.kit.errors import KuskaError
from kuska.kit.sqlfiles import load

_SQL = load(__package__, "epoch.sql")
PAUSE = 0.5
_log = logger("security")


class Epoch:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._value = 0
        self._listeners: list[Callable[[], None]] = []

    def listen(self, forget: Callable[[], None]) -> None:
        """`forget` drops what its owner keeps in memory."""
        self._listeners.append(forget)

    async def bump(self, tx: Write) -> None:
        """In the transaction that changes something. The own process calls `forget` after its commit."""
        await tx.fetchval(_SQL["bump"])

    def forget(self) -> None:
        for listener in self._listeners:
            listener()

    def watched(self) -> AbstractAsyncContextManager[None]:
        return beside(self._watch())

    async def _watch(self) -> None:
        while True:
            try:
                async with self._db.read() as conn:
                    value: int = await conn.fetchval(_SQL["value"])
                if value != self._value:
                    self._value = value
                    self.forget()
            except KuskaError:
                self._value = 0
                self.forget()
            except Exception:  # noqa: BLE001 - whatever it was, the watch goes on
                _log.exception("epoch")
                self.forget()
            await asyncio.sleep(PAUSE)
