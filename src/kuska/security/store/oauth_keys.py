"""Signing keys, and the tokens that are withdrawn before they expire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from kuska.infra.postgres.connection import Read, Row, Write
from kuska.kit.sqlfiles import load

_SQL = load(__package__, "oauth_keys.sql")
What = Literal["token", "grant", "account", "client"]


async def published(conn: Read, now: datetime) -> list[Row]:
    return await conn.fetch(_SQL["published"], now)


async def lock(tx: Write) -> None:
    await tx.execute(_SQL["lock"])


async def add(
    tx: Write, *, kid: str, algorithm: str, public: str, sealed: bytes, now: datetime, signs_from: datetime
) -> None:
    await tx.execute(_SQL["add"], kid, algorithm, public, sealed, now, signs_from)


async def retire_others(tx: Write, kid: str, kept_until: datetime) -> None:
    await tx.execute(_SQL["retire"], kid, kept_until)


async def remove(tx: Write, now: datetime) -> None:
    await tx.execute(_SQL["remove"], now)


async def revocations(conn: Read, now: datetime) -> list[Row]:
    return await conn.fetch(_SQL["revocations"], now)


async def revoke(tx: Write, what: What, id_: str, until: datetime, expires: datetime) -> None:
    await tx.execute(_SQL["revoke"], what, id_, until, expires)


async def forget_revocations(tx: Write, now: datetime) -> None:
    await tx.execute(_SQL["forget_revocations"], now)
