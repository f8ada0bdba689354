"""Small facts about this database that its record needs, kept in fhir.setting."""

from __future__ import annotations

import secrets

from kuska.fhir.errors import OtherZoneError
from kuska.infra.postgres.connection import Write
from kuska.kit.sqlfiles import load

_SQL = load("kuska.fhir.store", "facts.sql")


async def own_key(tx: Write, name: str) -> bytes:
    """A random key made at the first call for this name, the same for every process ever after."""
    await tx.execute(_SQL["propose"], name, secrets.token_bytes(32))
    return bytes(await tx.fetchval(_SQL["value"], name))


async def settle_zone(tx: Write, zone: str) -> None:
    """The zone of the first start is that of all index rows, so of every later start.

    Raises:
        OtherZoneError: the rows of this database were made with another one.
    """
    await tx.execute(_SQL["propose"], "zone", zone.encode())
    settled = bytes(await tx.fetchval(_SQL["value"], "zone")).decode()
    if settled != zone:
        raise OtherZoneError(zone, settled)
