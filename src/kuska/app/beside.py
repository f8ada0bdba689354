"""Opens security for a command that runs beside the server: tokens and links have to name the server's address."""

from __future__ import annotations

import argparse
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from kuska.app.keyring import keyring
from kuska.app.protection import protection
from kuska.app.settings import Settings
from kuska.app.storage import database
from kuska.app.wiring import origin
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SystemClock
from kuska.kit.messages import Tell
from kuska.security.api import Security, remembered_origin


@asynccontextmanager
async def beside(settings: Settings, options: argparse.Namespace, tell: Tell) -> AsyncGenerator[Security]:
    async with database(settings, tell) as db, keyring(settings, db, tell=tell) as keys:
        own = await address(settings, db, given=bool(getattr(options, "port", None)))
        async with protection(settings, db, keys, SystemClock(), own_url=own) as security:
            yield security


async def address(settings: Settings, db: Database, *, given: bool) -> str:
    """Of the server that was started last, unless a port was given, or the settings say the public address."""
    if given or settings.security.public_url:
        return origin(settings, settings.process.port)
    return await remembered_origin(db) or origin(settings, settings.process.port)
