"""Sessions of the pages: begun at sign-in, found at every request, ended by time, by their owner or by what happened.

The cookie's value is known to the browser alone. It is changed whenever the session becomes worth more (second factor,
step-up), so that a value somebody planted or read before is worth nothing afterwards.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.kit.errors import KuskaError
from kuska.security.contracts import Event
from kuska.security.domain.accounts import Account
from kuska.security.domain.sessions import Session, caller_of
from kuska.security.errors import NobodyError
from kuska.security.settings import SecuritySettings
from kuska.security.store import oauth_grants
from kuska.security.store import sessions as store
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.secrets import digest, new_secret
from kuska.security.visit import event_id

# How old what the database knows of the last request may be.
_SEEN = timedelta(minutes=1)
# How old what is kept in memory may be: within this time an end that another process wrote works here. Not told by the
# epoch: who signs in and out all day must not make everybody else's decisions be made anew.
_FRESH = timedelta(seconds=0.5)
_MOST = 10_000
_AGENT = 200


class Noting(Protocol):
    async def within(self, tx: Write, events: Sequence[Event]) -> None: ...


@dataclass(slots=True)
class _Kept:
    session: Session
    loaded: datetime
    written: datetime


class Sessions:
    def __init__(self, db: Database, settings: SecuritySettings, clock: Clock, trail: Noting, epoch: Epoch) -> None:
        self._db = db
        self._clock = clock
        self._trail = trail
        self._idle = timedelta(seconds=settings.session_idle)
        self._longest = timedelta(seconds=settings.session_longest)
        self._pending = timedelta(seconds=settings.session_pending)
        self._seen = min(_SEEN, self._idle / 4)
        self._kept: dict[bytes, _Kept] = {}
        self._turn = 0
        epoch.listen(self._forget)

    async def find(self, cookie: str, address: str) -> Session | None:
        """The session of somebody who is signed in altogether; None for all others."""
        now, key = self._clock.now(), digest(cookie)
        kept = self._kept.get(key)
        if kept is None or now - kept.loaded >= _FRESH or now >= kept.session.ends:
            kept = await self._load(key, now)
        if kept is None:
            return None
        if now - kept.written >= self._seen:
            kept.written = now
            # A database that takes no writing for a moment shortens the session; it does not turn its owner away.
            with contextlib.suppress(KuskaError):
                await self._db.single(lambda tx: store.saw(tx, key, now, address))
        return kept.session

    async def half(self, cookie: str) -> Session | None:
        """The session of somebody who has given the password, and has the second factor still to show."""
        session = await self._read(digest(cookie), self._clock.now())
        return session if session is not None and session.pending else None

    async def _load(self, key: bytes, now: datetime) -> _Kept | None:
        turn = self._turn
        session = await self._read(key, now)
        if session is None or session.pending:
            self._kept.pop(key, None)
            return None
        kept = _Kept(session, loaded=now, written=session.seen)
        # What was read before something changed is good for this request, and not kept for the next.
        if turn == self._turn:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[key] = kept
        return kept

    async def _read(self, key: bytes, now: datetime) -> Session | None:
        async with self._db.read() as conn:
            session = await store.find(conn, key, now)
        return session if session is not None and session.alive(now, self._idle) else None

    def _forget(self) -> None:
        self._turn += 1
        self._kept.clear()

    async def begin(
        self, tx: Write, account: Account, *, methods: Sequence[str], pending: bool, address: str, agent: str
    ) -> str:
        """The cookie's value. In the transaction that notes the sign-in; `start` does both."""
        cookie, now = new_secret(), self._clock.now()
        await store.add(
            tx,
            digest(cookie),
            id_=event_id(),
            account=account.id,
            pending=pending,
            methods=methods,
            now=now,
            ends=now + (self._pending if pending else self._longest),
            address=address,
            agent="".join(filter(str.isprintable, agent[:_AGENT])),
        )
        return cookie

    async def start(self, account: Account, *, methods: Sequence[str], pending: bool, address: str, agent: str) -> str:
        """For whoever was recognised by other means than our own password ('ext')."""

        async def work(tx: Write) -> str:
            cookie = await self.begin(tx, account, methods=methods, pending=pending, address=address, agent=agent)
            await self._trail.within(tx, [self._event("login", account, address, methods, half=pending)])
            return cookie

        return await self._db.transact(work)

    async def complete(self, cookie: str, method: str) -> str:
        """The second factor was shown: signed in altogether, under a new value. Raises NobodyError."""
        session = await self._read(digest(cookie), self._clock.now())
        if session is None or not session.pending:
            raise NobodyError("session.gone")
        return await self._rotated(cookie, session, method, self._clock.now() + self._longest, "login")

    async def step_up(self, cookie: str, method: str) -> str:
        """A factor was shown again: what asks for a fresh one may be done now, under a new value. Raises NobodyError."""
        session = await self._read(digest(cookie), self._clock.now())
        if session is None or session.pending:
            raise NobodyError("session.gone")
        return await self._rotated(cookie, session, method, session.ends, "step-up")

    async def _rotated(self, cookie: str, session: Session, method: str, ends: datetime, what: str) -> str:
        fresh, now = new_secret(), self._clock.now()
        methods = {**dict(zip(session.methods, session.shown, strict=True)), method: now}

        async def work(tx: Write) -> None:
            if not await store.rotate(tx, digest(cookie), digest(fresh), session, methods=methods, now=now, ends=ends):
                raise NobodyError("session.gone")
            await self._trail.within(tx, [self._event(what, session.account, session.address, tuple(methods))])

        await self._db.transact(work)
        self._forget()
        return fresh

    async def renew(self, tx: Write, cookie: str, session: Session) -> str:
        """A new value in the caller's transaction, proving nothing new: after a change of password."""
        fresh, now = new_secret(), self._clock.now()
        methods = dict(zip(session.methods, session.shown, strict=True)) | {"pwd": now}
        if not await store.rotate(
            tx, digest(cookie), digest(fresh), session, methods=methods, now=now, ends=session.ends
        ):
            raise NobodyError("session.gone")
        return fresh

    async def end(self, cookie: str, address: str) -> None:
        """Sign-out. Nothing happens, and nothing is said, when there was no session."""
        key = digest(cookie)
        session = await self._read(key, self._clock.now())

        async def work(tx: Write) -> None:
            if await store.drop(tx, key) and session is not None:
                await self._trail.within(tx, [self._event("logout", session.account, address, session.methods)])

        await self._db.transact(work)
        self._forget()

    async def of_account(self, account: str) -> list[Session]:
        """Open ones, the one used last first."""
        now = self._clock.now()
        async with self._db.read() as conn:
            return await store.of_account(conn, account, now, now - self._idle)

    async def revoke(self, session: Session, id_: str) -> bool:
        """Ends one of the owner's sessions. False: it is not theirs, or not open any more."""

        async def work(tx: Write) -> bool:
            if not await store.drop_one(tx, id_, session.account.id):
                return False
            await self._trail.within(tx, [self._event("revoke", session.account, session.address, session.methods)])
            return True

        done = await self._db.transact(work)
        self._forget()
        return done

    async def revoke_others(self, session: Session, cookie: str) -> None:
        """Ends all of the owner's sessions but this one."""

        async def work(tx: Write) -> None:
            await store.drop_all(tx, session.account.id, digest(cookie))
            await self._trail.within(tx, [self._event("revoke-others", session.account, session.address, ())])

        await self._db.transact(work)
        self._forget()

    async def drop_all(self, tx: Write, account: str, but: str = "") -> None:
        """In the transaction of what ends them. The caller bumps the epoch, and forgets after the commit."""
        await store.drop_all(tx, account, digest(but) if but else b"")

    async def drop_all_access(self, tx: Write, account: str, but: str = "") -> None:
        """`drop_all`, and what applications were granted for as long as they like: what a thief of the password or of a
        device has let in must not outlast its discovery.
        """
        await self.drop_all(tx, account, but)
        await oauth_grants.end_of_account(tx, account, self._clock.now())

    async def sweep(self, tx: Write) -> None:
        now = self._clock.now()
        await store.sweep(tx, now, now - self._idle - self._seen)

    def _event(self, what: str, account: Account, address: str, methods: Sequence[str], *, half: bool = False) -> Event:
        return Event(
            id=event_id(),
            at=self._clock.now(),
            action="E",
            kind="logout" if what == "logout" else "login",
            interaction="first-factor" if half else what,
            caller=caller_of(account, address, tuple(methods)),
            detail=(("account", account.id),),
        )
