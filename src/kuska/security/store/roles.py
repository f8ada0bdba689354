"""Edited roles in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kuska.infra.postgres.connection import Read, Write
from kuska.kit.errors import IncorrectError
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
    at: datetime | None  # None: it came with the program


async def current(conn: Read) -> dict[str, Role]:
    # One that this version of the program does not understand (any more) gives nothing until it is mended.
    return {
        name: _role(name, version, content) or Role(name=name, version=version, scopes=(), reach="own", purposes=())
        for name, version, content in await conn.fetch(_SQL["current"])
    }


async def combinations(conn: Read, tenant: str, name: str) -> list[list[str]]:
    """Roles that accounts hold together with this one."""
    return [row[0] for row in await conn.fetch(_SQL["combinations"], tenant, name)]


async def versions(conn: Read, name: str) -> list[Edition]:
    """The newest first, without the one that the program brings."""
    rows = await conn.fetch(_SQL["versions"], name)
    found = ((_role(name, version, content), by, at) for version, content, by, at in rows)
    return [Edition(one, by, at) for one, by, at in found if one is not None]


async def add(tx: Write, name: str, expected: int, *, content: Content, by: str, at: datetime) -> int | None:
    """The new version; None when `expected` is not the last."""
    return await tx.fetchval(_SQL["add"], name, expected, encode(content).decode(), by, at)


def _role(name: str, version: int, content: str) -> Role | None:
    try:
        return role(name, version, decode(content.encode()))
    except IncorrectError:
        return None
