"""Public keys that clients serve themselves (`jwks_uri`): fetched, used for an hour, fetched again for a new name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from joserfc.jwk import KeySet

from kuska.kit.clock import Clock
from kuska.kit.errors import KuskaError
from kuska.security.domain import signing
from kuska.security.usecases.oauth.parts import Fetch

_KEPT = 3600.0  # seconds that a fetched set is used; a key that its owner took out is taken no longer than that
_AGAIN = 60.0  # seconds before it is fetched for a key that is not in it: a stranger must not make us knock there
_AFTER_FAILURE = 5.0


class UnreachableKeysError(Exception):
    """The client's keys cannot be had now."""


@dataclass(slots=True)
class _Served:
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    keys: KeySet | None = None
    good_until: float = 0.0
    not_before: float = 0.0  # when it may be fetched again


class ServedKeys:
    def __init__(self, clock: Clock, fetch: Fetch) -> None:
        self._clock = clock
        self._fetch = fetch
        self._served: dict[str, _Served] = {}

    async def of(self, uri: str, kid: str) -> KeySet:
        """The set, with the key of this name if there is one.

        Raises:
            UnreachableKeysError: nothing that is young enough is known, and nothing came.
        """
        served = self._served.setdefault(uri, _Served())
        # Those who come at once wait for the one that fetches.
        async with served.alone:
            now = self._clock.now().timestamp()
            known = served.keys if served.good_until > now else None
            if (known is None or not _has(known, kid)) and served.not_before <= now:
                known = await self._fetched(uri, served, now) or known
            if known is None:
                raise UnreachableKeysError
            return known

    async def _fetched(self, uri: str, served: _Served, now: float) -> KeySet | None:
        try:
            keys = signing.key_set(await self._fetch(uri))
        except (KuskaError, OSError, ValueError):
            served.not_before = now + _AFTER_FAILURE
            return None
        served.keys, served.good_until, served.not_before = keys, now + _KEPT, now + _AGAIN
        return keys


def _has(keys: KeySet, kid: str) -> bool:
    return any(key.kid == kid for key in keys.keys)
