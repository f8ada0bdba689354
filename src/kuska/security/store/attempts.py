"""Failed attempts in the database: all processes count together, and a restart forgets nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from kuska.infra.postgres.connection import Read, Write
from kuska.kit.sqlfiles import load
from kuska.security.domain.attempts import Keys, Patience

_SQL = load(__package__, "attempts.sql")
# Failures are forgotten after this time without another one.
MEMORY = timedelta(hours=1)
# So long does an address stay known from which a login was signed in.
TRUST = timedelta(days=90)


async def charge(tx: Write, keys: Keys, login: Patience, address: Patience, now: datetime) -> bool:
    """Counts an attempt as failed before it is made. False: it must not be made, one of its keys is waiting."""
    rows = await tx.fetch(
        _SQL["charge"],
        [keys.login, keys.pair, keys.address],
        [login.free, login.free, address.free],
        login.most,
        MEMORY.total_seconds(),
        now,
        keys.pair,
    )
    # Where the pair stands for both, it alone was asked.
    return keys.pair in {bytes(row["key"]) for row in rows} or len(rows) == 2


async def wait(conn: Read, keys: Keys, now: datetime) -> float:
    """Seconds until the next attempt may be made."""
    rows = await conn.fetch(_SQL["waits"], [keys.login, keys.pair, keys.address], now)
    return max((row["seconds"] for row in rows), default=1.0)


async def succeeded(tx: Write, keys: Keys, now: datetime) -> None:
    await tx.execute(_SQL["succeeded"], keys.login, keys.address, keys.pair, now)


async def forget_login(tx: Write, keys: Keys) -> None:
    await tx.execute(_SQL["forget_login"], keys.login)


async def sweep(tx: Write, now: datetime) -> None:
    await tx.execute(_SQL["sweep"], now - MEMORY, now - TRUST)
