"""The vault of pseudonyms: hashes and sealed bytes only."""

from __future__ import annotations

from collections.abc import Sequence

from kuska.infra.postgres.connection import Read, Write
from kuska.kit.sqlfiles import load

_SQL = load("kuska.security.store", "pseudonyms.sql")


async def known(conn: Read, purpose: str, persons: Sequence[bytes]) -> dict[bytes, bytes]:
    """Person's hash -> sealed."""
    return {bytes(row[0]): bytes(row[1]) for row in await conn.fetch(_SQL["known"], purpose, persons)}


async def add(tx: Write, purpose: str, rows: Sequence[tuple[bytes, bytes, bytes]]) -> None:
    """Person's hash, token's hash, sealed. Those that are there already stay."""
    await tx.execute(_SQL["add"], purpose, *(list(column) for column in zip(*rows, strict=True)))


async def whose(conn: Read, purpose: str, tokens: Sequence[bytes]) -> dict[bytes, tuple[bytes, bytes]]:
    """Token's hash -> person's hash, sealed."""
    rows = await conn.fetch(_SQL["whose"], purpose, tokens)
    return {bytes(row[1]): (bytes(row[0]), bytes(row[2])) for row in rows}


async def purposes(conn: Read) -> list[str]:
    return [row[0] for row in await conn.fetch(_SQL["purposes"])]


async def forget(tx: Write, purpose: str, person: bytes) -> bool:
    return await tx.execute(_SQL["forget"], purpose, person) != "DELETE 0"


async def old(tx: Write, beginning: bytes, limit: int) -> list[tuple[str, bytes, bytes]]:
    """Rows that another key sealed, held until the transaction ends."""
    rows = await tx.fetch(_SQL["old"], beginning, limit)
    return [(row[0], bytes(row[1]), bytes(row[2])) for row in rows]


async def reseal(tx: Write, rows: Sequence[tuple[str, bytes, bytes]]) -> None:
    await tx.executemany(_SQL["reseal"], rows)
