"""The database of these settings: the one that was given, or the embedded one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from kuska.app.settings import Settings
from kuska.infra.postgres import embedded
from kuska.infra.postgres.address import guarded
from kuska.infra.postgres.database import Database
from kuska.infra.postgres.migrate import migrate
from kuska.infra.postgres.room import Room
from kuska.kit.messages import Tell, silent


def database_dsn(settings: Settings, progress: Tell = silent) -> str:
    """Where it is; the embedded one runs from here on until this process (and every other user) ends."""
    if settings.database.url:
        return guarded(settings.database.url)
    return embedded.attach(settings.process.data, progress).dsn()


@asynccontextmanager
async def database(settings: Settings, progress: Tell = silent) -> AsyncGenerator[Database]:
    """Open and migrated."""
    dsn = database_dsn(settings, progress)
    await migrate(dsn, progress=progress)
    room = None if settings.database.url else Room(settings.process.data)
    db = await Database.open(dsn, settings.database, room)
    try:
        yield db
    finally:
        await db.close()
