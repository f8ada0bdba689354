"""Signing keys sealed anew after a rotation of the data keys. The keys themselves, and every token, stay as they are."""

from __future__ import annotations

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.security.contracts import Sealer
from kuska.security.store import signing_seals as store

_PURPOSE = "signing-keys"


async def reseal(db: Database, sealer: Sealer) -> int:
    """How many an older key had sealed."""

    async def work(tx: Write) -> int:
        count = 0
        for kid, old in await store.every(tx):
            new = sealer.seal(_PURPOSE, sealer.open(_PURPOSE, old, kid.encode()), kid.encode())
            if new != old:  # the same key gives the same bytes
                await store.reseal(tx, kid, old, new)
                count += 1
        return count

    return await db.transact(work)
