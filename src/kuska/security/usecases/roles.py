"""Roles: the ones that the program brings, and what administrators made of them."""

from __future__ import annotations

from collections.abc import Mapping

from kuska.infra.postgres.database import Database
from kuska.security.contracts import Role
from kuska.security.domain.roles import shipped
from kuska.security.store import roles as store
from kuska.security.store.epoch import Epoch


class Roles:
    def __init__(self, db: Database, epoch: Epoch) -> None:
        self._db = db
        self._kept: Mapping[str, Role] | None = None
        self._turn = 0
        epoch.listen(self._forget)

    async def current(self) -> Mapping[str, Role]:
        """By name."""
        kept = self._kept
        if kept is None:
            turn = self._turn
            async with self._db.read() as conn:
                kept = {**shipped(), **await store.current(conn)}
            if turn == self._turn:
                self._kept = kept
        return kept

    def _forget(self) -> None:
        self._turn += 1
        self._kept = None
