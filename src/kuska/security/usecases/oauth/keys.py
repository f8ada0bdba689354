"""Signing keys and their rotation: a new one is published before it signs, an old one until its last token has expired."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from kuska.infra.postgres.connection import Row, Write
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.kit.errors import Issue, UnavailableError
from kuska.security.contracts import Sealer
from kuska.security.domain import signing
from kuska.security.domain.signing import Algorithm, SigningKey
from kuska.security.store import oauth_keys as store

# Others fetch the key set at most this late: it is sent with half of it as its age.
PUBLISHED_BEFORE = timedelta(minutes=10)
# Longer than any token that a key signed.
_KEPT = timedelta(hours=2)
_PURPOSE = "signing-keys"


class Settings(Protocol):
    """The part of SecuritySettings that tells how to sign."""

    @property
    def signing_algorithm(self) -> Algorithm: ...
    @property
    def signing_rsa_bits(self) -> int: ...
    @property
    def signing_key_days(self) -> int: ...


class SigningKeys:
    def __init__(self, db: Database, clock: Clock, sealer: Sealer, settings: Settings) -> None:
        self._db = db
        self._clock = clock
        self._sealer = sealer
        self._settings = settings
        self._keys: tuple[SigningKey, ...] = ()  # the newest first
        self._by_kid: dict[str, SigningKey] = {}

    @property
    def by_kid(self) -> Mapping[str, SigningKey]:
        return self._by_kid

    def current(self) -> SigningKey:
        """The one that signs now."""
        now = self._clock.now()
        for key in self._keys:
            if key.signs_from <= now and key.kept(now.timestamp()):
                return key
        raise UnavailableError(Issue(code="exception", message="oauth.no-signing-key"))

    def public(self) -> list[dict[str, Any]]:
        """The key set as everybody may see it."""
        now = self._clock.now().timestamp()
        return [key.public() for key in self._keys if key.kept(now)]

    async def load(self) -> None:
        async with self._db.read() as conn:
            rows = await store.published(conn, self._clock.now())
        # Opening an RSA key checks its numbers, which takes a while; those that are known stay as they are.
        keys = [self._key(row) for row in rows]
        self._keys = tuple(keys)
        self._by_kid = {key.kid: key for key in keys}

    async def tend(self) -> bool:
        """Makes a key where there is none, or the newest is too old or of another kind. True: something changed."""
        await self.load()
        now = self._clock.now()
        if not self._due(now):
            return False
        kid, key = await asyncio.to_thread(
            signing.generate, self._settings.signing_algorithm, self._settings.signing_rsa_bits
        )

        async def work(tx: Write) -> bool:
            await store.lock(tx)
            others = await store.published(tx, now)
            if others and [row["kid"] for row in others] != [one.kid for one in self._keys]:
                return False  # another process was quicker
            signs_from = now + PUBLISHED_BEFORE if others else now
            await self._add(tx, kid, key, signs_from)
            await store.retire_others(tx, kid, signs_from + _KEPT)
            await store.remove(tx, now)
            return True

        changed = await self._db.transact(work)
        await self.load()
        return changed

    async def replace(self, tx: Write) -> str:
        """A key that may be known to others goes at once, with every token it signed; a new one signs from now on."""
        kid, key = await asyncio.to_thread(
            signing.generate, self._settings.signing_algorithm, self._settings.signing_rsa_bits
        )
        now = self._clock.now()
        await store.lock(tx)
        await self._add(tx, kid, key, now)
        await store.retire_others(tx, kid, now)
        await store.remove(tx, now)
        return kid

    async def _add(self, tx: Write, kid: str, key: Any, signs_from: datetime) -> None:
        await store.add(
            tx,
            kid=kid,
            algorithm=self._settings.signing_algorithm,
            public=json.dumps(key.as_dict(private=False)),
            sealed=self._sealer.seal(_PURPOSE, signing.dump(key), kid.encode()),
            now=self._clock.now(),
            signs_from=signs_from,
        )

    def _due(self, now: datetime) -> bool:
        if not self._keys:
            return True
        newest = self._keys[0]
        too_old = now - newest.signs_from >= timedelta(days=self._settings.signing_key_days)
        return too_old or newest.algorithm != self._settings.signing_algorithm

    def _key(self, row: Row) -> SigningKey:
        known = self._by_kid.get(row["kid"])
        return SigningKey(
            row["kid"],
            row["algorithm"],
            known.key if known else signing.load(self._sealer.open(_PURPOSE, row["sealed"], row["kid"].encode())),
            known.verifies if known else signing.load(row["public_jwk"]),
            row["signs_from"],
            row["kept_until"],
        )
