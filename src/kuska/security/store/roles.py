"""Edited roles in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kuska.infra.postgres.connection import Read, Write
from kuska.kit.json import decode, encode
from kuska.kit.sqlfiles import load
from kuska.security.contracts import Role
from kuska.security.domain.roles import Content, role

_SQL = load(__package__, "roles.sql")


@dataclass(frozen=True, slots=True)
class Edition:
    """One version of a role, with who made it."""

    role: Role
    by: str
    at: datetime


async def current(conn: Read) -> dict[str, Role]:
    rows = await conn.fetch(_SQL["current"])
    return {name: role(name, version, decode(content.encode())) for name, version, content in rows}


async def versions(conn: Read, name: str) -> list[Edition]:
    """The newest first, without the one that the program brings."""
    rows = await conn.fetch(_SQL["versions"], name)
    return [Edition(role(name, version, decode(content.encode())), by, at) for version, content, by, at in rows]


async def add(tx: Write, name: str, expected: int, *, content: Content, by: str, at: datetime) -> int | None:
    """The new version; None when `expected` is not the last."""
    return await tx.fetchval(_SQL["add"], name, expected, encode(content).decode(), by, at)
