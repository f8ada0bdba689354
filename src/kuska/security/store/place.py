"""Whose database this is: one tenant's, in one country. See docs/adr/0023."""

from __future__ import annotations

from kuska.infra.postgres.connection import Read, Write
from kuska.infra.postgres.database import Database
from kuska.kit.sqlfiles import load
from kuska.security.errors import OtherPlaceError
from kuska.security.settings import SecuritySettings

_SQL = load("kuska.security.store", "place.sql")


async def settle_place(db: Database, settings: SecuritySettings) -> None:
    """Writes it down at the first start. From then on no connection to a database of another place is used: not at a start
    with other settings, and not when the address leads elsewhere later.

    Raises:
        OtherPlaceError: it is somebody else's.
    """
    expected = f"{settings.tenant}/{settings.country}"

    async def check(conn: Read) -> None:
        found: str | None = await conn.fetchval(_SQL["place"])
        if found != expected:
            raise OtherPlaceError(found or "-", expected)

    async def settle(tx: Write) -> None:
        await tx.execute(_SQL["propose"], expected)
        await check(tx)

    await db.transact(settle)
    db.demand(check)


async def remember_origin(db: Database, origin: str) -> None:
    """Where the server that was started last is reached: the issuer of its tokens."""
    await db.transact(lambda tx: tx.execute(_SQL["remember_origin"], origin))


async def remembered_origin(db: Database) -> str:
    """'' before the first start."""
    async with db.read() as conn:
        found: str | None = await conn.fetchval(_SQL["origin"])
    return found or ""
