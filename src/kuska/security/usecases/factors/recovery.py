"""Codes on paper, for who lost everything else. Each is good once; only hashes are kept."""

from __future__ import annotations

import asyncio
import os

from argon2.low_level import Type, hash_secret_raw

from kuska.infra.postgres.connection import Read, Write
from kuska.security.domain.factors import folded_code, new_codes
from kuska.security.store import factors as store
from kuska.security.usecases.factors.parts import Parts

_SALT_BYTES = 16


async def renew(parts: Parts) -> tuple[list[str], store.StoredCodes]:
    """A new set, to be shown once, and what is kept of it. Outside the transaction: it takes a fifth of a second."""
    codes = new_codes()
    salt = os.urandom(_SALT_BYTES)
    hashes = [await _hashed(parts, folded_code(code), salt) for code in codes]
    return codes, store.StoredCodes(salt, tuple(hashes))


async def hashed(parts: Parts, conn: Read, account: str, code: str) -> bytes:
    """What a right code would be kept as; the same work where there is no set."""
    found = await store.recovery(conn, account)
    return await _hashed(parts, folded_code(code), found.salt if found else bytes(_SALT_BYTES))


async def use(tx: Write, account: str, digest: bytes) -> bool:
    return await store.use_recovery(tx, account, digest)


async def _hashed(parts: Parts, code: str, salt: bytes) -> bytes:
    # In a thread, because argon2 is made to be slow and gives the interpreter free meanwhile.
    return await asyncio.to_thread(
        hash_secret_raw,
        code.encode(),
        salt,
        time_cost=parts.argon2_passes,
        memory_cost=parts.argon2_memory,
        parallelism=1,
        hash_len=32,
        type=Type.ID,
    )
