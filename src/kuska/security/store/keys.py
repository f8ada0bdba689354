"""The data keys as they lie in the database: wrapped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kuska.infra.keys.master import Wrapped
from kuska.infra.postgres.connection import Read, Write
from kuska.kit.sqlfiles import load

_SQL = load("kuska.security.store", "keys.sql")

State = Literal["active", "retired", "destroyed"]


@dataclass(frozen=True, slots=True)
class StoredKey:
    purpose: str
    number: int
    wrapped: Wrapped
    since: datetime
    state: State
    retired: datetime | None


class KeyStore:
    def __init__(self, tenant: str) -> None:
        self._tenant = tenant

    async def alone(self, tx: Write) -> None:
        """Until this transaction ends no other process makes or changes keys."""
        await tx.fetchval(_SQL["alone"])

    async def keys(self, conn: Read) -> list[StoredKey]:
        return [
            StoredKey(
                row["purpose"],
                row["number"],
                Wrapped(row["provider"], row["master"], bytes(row["wrapped"])),
                row["since"],
                row["state"],
                row["retired"],
            )
            for row in await conn.fetch(_SQL["keys"], self._tenant)
        ]

    async def add(self, tx: Write, purpose: str, number: int, wrapped: Wrapped, since: datetime) -> None:
        await tx.execute(
            _SQL["add"], self._tenant, purpose, number, wrapped.provider, wrapped.master, wrapped.text, since
        )

    async def wrap_anew(self, tx: Write, key: StoredKey, wrapped: Wrapped) -> None:
        await tx.execute(
            _SQL["wrap_anew"],
            self._tenant,
            key.purpose,
            key.number,
            wrapped.provider,
            wrapped.master,
            wrapped.text,
        )

    async def retire(self, tx: Write, purpose: str, below: int, moment: datetime) -> None:
        await tx.execute(_SQL["retire"], self._tenant, purpose, below, moment)

    async def destroy(self, tx: Write, before: datetime) -> list[tuple[str, int]]:
        """The bytes of the keys that were retired before this moment."""
        rows = await tx.fetch(_SQL["destroy"], self._tenant, before)
        return [(row["purpose"], row["number"]) for row in rows]

    async def sealed_since(self, conn: Read) -> dict[str, int]:
        rows = await conn.fetch(_SQL["sealed_since"], self._tenant)
        return {row["purpose"]: row["number"] for row in rows}

    async def settle(self, tx: Write, purpose: str, number: int) -> None:
        await tx.execute(_SQL["settle"], self._tenant, purpose, number)


def in_use(keys: Sequence[StoredKey], purpose: str) -> list[StoredKey]:
    return [key for key in keys if key.purpose == purpose and key.state != "destroyed"]
