"""The sealed halves of signing keys, for sealing them anew."""

from __future__ import annotations

from kuska.infra.postgres.connection import Read, Write
from kuska.kit.sqlfiles import load

_SQL = load(__package__, "signing_seals.sql")


async def every(conn: Read) -> list[tuple[str, bytes]]:
    return [(row[0], bytes(row[1])) for row in await conn.fetch(_SQL["every"])]


async def reseal(tx: Write, kid: str, old: bytes, new: bytes) -> None:
    await tx.execute(_SQL["reseal"], kid, old, new)
