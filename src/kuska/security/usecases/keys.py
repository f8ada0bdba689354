"""The data keys of a running process: unwrapped once, kept in memory, made and rotated.

The provider of the master key is asked at the start and when a key is new, never while a request is answered: if it goes
away later, everything goes on with the keys that are here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from kuska.infra.keys.masters import Masters
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.logs import logger
from kuska.kit.clock import Clock
from kuska.kit.errors import KuskaError
from kuska.security.contracts import Caller, Event
from kuska.security.domain.sealing import KEY_BYTES, PURPOSES, Cipher, DataKey, Ring
from kuska.security.domain.trail_line import line
from kuska.security.store.epoch import Epoch
from kuska.security.store.keys import KeyStore, StoredKey, in_use
from kuska.security.store.trail_events import TrailEvents
from kuska.security.visit import Action, event_id

# A new key seals from this long after its making on: by then every process has seen it.
LEAD = timedelta(seconds=3)
# A retired key is destroyed this long afterwards at the earliest: no process that missed the rotation still writes.
REST = timedelta(hours=24)
# Found by their rows, or small and sealed anew by nobody: never rotated with the rest.
_STEADY = frozenset({"pseudonym-index"})
_log = logger("security")


class Keys:
    """Is a `Sealer`. `cipher(purpose)` is the quick way for whoever seals much."""

    def __init__(self, db: Database, masters: Masters, tenant: str, clock: Clock, epoch: Epoch) -> None:
        self._db = db
        self._masters = masters
        self._clock = clock
        self._epoch = epoch
        self._tenant = tenant
        self._store = KeyStore(tenant)
        self._trail = TrailEvents(db)
        self._ciphers = {purpose: Cipher(purpose, tenant, clock) for purpose in PURPOSES}
        self.ring = Ring(self._ciphers)
        # Unwrapped once; by purpose, number and what it was wrapped as.
        self._known: dict[tuple[str, int], bytes] = {}
        self._reloading: asyncio.Task[None] | None = None
        self._again = False
        self._looking = asyncio.Lock()
        for cipher in self._ciphers.values():
            cipher.on_missing = self.changed
        epoch.listen(self.changed)

    # --- sealing ---------------------------------------------------------------------------------------------------

    @property
    def seals(self) -> bool:
        """False: the provider is `none`, and bodies are to stay readable."""
        return self._masters.chosen.name != "none"

    def _sealed(self, purpose: str) -> bool:
        return self.seals or purpose != "record"

    def cipher(self, purpose: str) -> Cipher:
        return self._ciphers[purpose]

    def seal(self, purpose: str, plain: bytes, context: bytes) -> bytes:
        return self._ciphers[purpose].seal(plain, context)

    def open(self, purpose: str, sealed: bytes, context: bytes) -> bytes:
        return self._ciphers[purpose].open(sealed, context)

    # --- having them -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """All keys of this database at hand; those that are missing are made.

        Raises:
            MasterError: the provider is away or has not the key; nothing can be read without.
        """
        await self.reload()
        if missing := [purpose for purpose in PURPOSES if not self._ciphers[purpose].numbers]:
            await self._db.transact(lambda tx: self._make_missing(tx, missing))
            await self.reload()

    async def reload(self) -> None:
        # One after the other: an older look at the table must not undo what a newer one found.
        async with self._looking:
            await self._reload()

    async def _reload(self) -> None:
        async with self._db.read() as conn:
            keys = await self._store.keys(conn)
            settled = await self._store.sealed_since(conn)
        for purpose, cipher in self._ciphers.items():
            rows = in_use(keys, purpose)
            held = [DataKey(key.number, await self._unwrapped(key), key.since) for key in rows]
            if [key.number for key in held] != list(cipher.numbers):
                cipher.hold(held)
            newest = max((key.number for key in held), default=0)
            cipher.mixed = settled.get(purpose, 0) != (newest if self._sealed(purpose) else 0)

    def changed(self) -> None:
        """Something may have changed: looked up beside whatever runs; what is here stays in use meanwhile."""
        if self._reloading is not None and not self._reloading.done():
            self._again = True
            return
        try:
            self._reloading = asyncio.get_running_loop().create_task(self._reload_quietly())
        except RuntimeError:  # no loop runs: a tool that reloads by itself
            return

    async def stop(self) -> None:
        if self._reloading is not None and not self._reloading.done():
            self._reloading.cancel()
            await asyncio.gather(self._reloading, return_exceptions=True)

    async def _reload_quietly(self) -> None:
        while True:
            self._again = False
            try:
                await self.reload()
            except KuskaError as error:
                _log.warning("keys", problem=error.issues[0].message)
            if not self._again:
                return

    async def _unwrapped(self, key: StoredKey) -> bytes:
        place = (key.purpose, key.number)
        if place not in self._known:
            master = self._masters.named(key.wrapped.provider)
            self._known[place] = await master.unwrap(key.wrapped, self._context(*place))
        return self._known[place]

    def _context(self, purpose: str, number: int) -> str:
        return f"{self._tenant}/{purpose}/{number}"

    # --- making them -----------------------------------------------------------------------------------------------

    async def _make_missing(self, tx: Write, purposes: Sequence[str]) -> None:
        await self._store.alone(tx)
        there = {key.purpose for key in await self._store.keys(tx)}
        made = [purpose for purpose in purposes if purpose not in there]
        for purpose in made:
            await self._make(tx, purpose, 1, timedelta(0))
        await self._changed(tx, "C", "make", made)

    async def _make(self, tx: Write, purpose: str, number: int, lead: timedelta) -> None:
        wrapped = await self._masters.chosen.wrap(os.urandom(KEY_BYTES), self._context(purpose, number))
        await self._store.add(tx, purpose, number, wrapped, self._clock.now() + lead)

    async def rotate(self, purposes: Sequence[str]) -> dict[str, int]:
        """A new key for each purpose, sealing what is new after `LEAD`. What an interrupted rotation left is taken up:
        no second new key while the old ones are still in use. Purpose -> number of the newest key.
        """

        async def work(tx: Write) -> dict[str, int]:
            await self._store.alone(tx)
            keys = await self._store.keys(tx)
            newest: dict[str, int] = {}
            for purpose in purposes:
                active = [key for key in keys if key.purpose == purpose and key.state == "active"]
                number = max((key.number for key in keys if key.purpose == purpose), default=0)
                if len(active) < 2 and purpose not in _STEADY:
                    number += 1
                    await self._make(tx, purpose, number, LEAD)
                newest[purpose] = number
            await self._changed(tx, "C", "rotate", [f"{purpose} {number}" for purpose, number in newest.items()])
            return newest

        newest = await self._db.transact(work)
        await self.reload()
        return newest

    async def ripen(self, purpose: str) -> None:
        """Returns when the newest key seals."""
        # Not an event: what is awaited is a moment.
        if (coming := self._ciphers[purpose].coming) is not None:
            await asyncio.sleep(max((coming - self._clock.now()).total_seconds() + 0.01, 0))

    async def settle(self, purpose: str) -> None:
        """Everything of this purpose is sealed with the current key: older ones are retired. Where bodies are not sealed
        at all (0), keys stay as they are.
        """
        number = self._ciphers[purpose].current if self._sealed(purpose) else 0

        async def work(tx: Write) -> None:
            await self._store.settle(tx, purpose, number)
            await self._store.retire(tx, purpose, number, self._clock.now())
            await self._changed(tx, "U", "settle", [f"{purpose} {number}"])

        await self._db.transact(work)
        await self.reload()

    async def rewrap(self) -> int:
        """All data keys wrapped with the newest master key of the provider that is set. What they seal stays."""
        master = self._masters.chosen
        await self.reload()

        async def work(tx: Write) -> int:
            await self._store.alone(tx)
            keys = [key for key in await self._store.keys(tx) if key.state != "destroyed"]
            for key in keys:
                plain = await self._unwrapped(key)
                await self._store.wrap_anew(tx, key, await master.wrap(plain, self._context(key.purpose, key.number)))
            await self._changed(tx, "U", "rewrap", [master.name])
            return len(keys)

        await master.renew()
        count = await self._db.transact(work)
        await master.forget_old()
        return count

    async def destroy(self) -> list[tuple[str, int]]:
        """Ends keys that were retired long enough ago. What a forgotten backup seals with them is then unreadable."""

        async def work(tx: Write) -> list[tuple[str, int]]:
            await self._store.alone(tx)
            gone = await self._store.destroy(tx, self._clock.now() - REST)
            await self._changed(tx, "D", "destroy", [f"{purpose} {number}" for purpose, number in gone])
            return gone

        gone = await self._db.transact(work)
        for place in gone:
            self._known.pop(place, None)
        await self.reload()
        return gone

    async def _changed(self, tx: Write, action: Action, what: str, which: Sequence[str]) -> None:
        """In the trail, and known to the other processes, when the transaction ends."""
        event = Event(
            id=event_id(),
            at=self._clock.now(),
            action=action,
            kind="key",
            interaction=what,
            caller=Caller(kind="system", tenant=self._tenant),
            detail=(("keys", ", ".join(which)),),
        )
        await self._trail.append_within(tx, [line(event)])
        await self._epoch.bump(tx)

    async def status(self) -> list[StoredKey]:
        async with self._db.read() as conn:
            return await self._store.keys(conn)


@asynccontextmanager
async def open_keys(
    db: Database, masters: Masters, tenant: str, clock: Clock, epoch: Epoch | None = None
) -> AsyncGenerator[Keys]:
    """The keys of this database, ready to seal. `epoch`: the one that the process watches; none for a tool."""
    keys = Keys(db, masters, tenant, clock, epoch or Epoch(db))
    await keys.start()
    try:
        yield keys
    finally:
        await keys.stop()
