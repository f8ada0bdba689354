from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kuska.infra.postgres.database import Database
from kuska.security.domain.sealing import DataKey, passing_ring
from kuska.security.usecases.oauth.resealing import reseal

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.mark.requirement("LW-30")
async def test_signing_keys_are_sealed_anew_and_stay_the_same(fresh_db: Database) -> None:
    ring = passing_ring()
    cipher = ring.cipher("signing-keys")
    old = DataKey(1, cipher.subkey()[1], LONG_AGO)
    async with fresh_db.write() as tx:
        for kid, sealed in (("one", cipher.seal(b"private", b"one")), ("gone", b"")):
            await tx.execute(
                "insert into security.signing_key (kid, algorithm, public_jwk, sealed, created, signs_from)"
                " values ($1, 'RS256', '{}', $2, $3, $3)",
                kid,
                sealed,
                LONG_AGO,
            )
    assert await reseal(fresh_db, ring) == 0
    new = DataKey(2, bytes(range(64)), LONG_AGO)
    cipher.hold([old, new])
    assert await reseal(fresh_db, ring) == 1
    cipher.hold([new])
    async with fresh_db.read() as conn:
        rows = dict(tuple(row) for row in await conn.fetch("select kid, sealed from security.signing_key"))
    assert cipher.open(rows["one"], b"one") == b"private"
    assert rows["gone"] == b""
