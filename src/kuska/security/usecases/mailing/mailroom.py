"""The queue of mails: a row in the transaction of what it is about, taken when it is due, deleted when it is sent.

A mail server that is down, a process that is killed while it sends: the row is due again a little later. A mail may
arrive twice then (with the same Message-ID), never not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

from kuska.infra.mail.smtp import Mail, MailDelayedError, Mailer, MailRefusedError
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.logs import logger
from kuska.kit.background import beside
from kuska.kit.clock import Clock
from kuska.kit.errors import KuskaError
from kuska.security.store import mails
from kuska.security.store.mails import Errand
from kuska.security.visit import event_id

_log = logger("mail")
# Longer than sending one may take: nobody else takes it meanwhile.
_LEASE = timedelta(minutes=5)
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)
_GIVE_UP = timedelta(days=2)
_KEEP = timedelta(days=30)
_LOOK = 5.0  # seconds between looks at the queue when nobody says that there is something
_COMMITTED = 0.1  # and from being told, which is in the transaction, to the look
_SWEEP = timedelta(hours=1)


class Writer(Protocol):
    async def mail(self, errand: Errand) -> Mail | None:
        """What to send now; None when it turns out that nobody is to get anything."""
        ...


async def mail_queue(db: Database) -> tuple[int, int]:
    """(waiting, given up), for who looks after the machine."""
    async with db.read() as conn:
        return await mails.waiting(conn)


class Mailroom:
    def __init__(self, db: Database, clock: Clock, mailer: Mailer, writer: Writer) -> None:
        self._db = db
        self._clock = clock
        self._mailer = mailer
        self._writer = writer
        self._due = asyncio.Event()
        self._swept: datetime | None = None
        self._sweepers: list[Callable[[Write], Awaitable[None]]] = []

    async def put(self, tx: Write, kind: str, about: Mapping[str, str]) -> None:
        await mails.add(tx, event_id(), kind, about, self._clock.now())
        self._due.set()

    async def tell(self, tx: Write, account: str, what: str) -> None:
        """A notice to the owner of an account that something about it changed: message 'mail.notice.<what>'."""
        await self.put(tx, "notice", {"account": account, "what": what})

    def on_sweep(self, sweep: Callable[[Write], Awaitable[None]]) -> None:
        """What is to be cleared away now and then is, with the mails."""
        self._sweepers.append(sweep)

    async def state(self) -> tuple[int, int]:
        return await mail_queue(self._db)

    async def send_due(self) -> int:
        """Everything that is due now; how many were sent. Nothing is touched while there is no mail server."""
        sent = 0
        while self._mailer.configured:
            now = self._clock.now()
            errand = await self._db.single(lambda tx, now=now: mails.take(tx, now, now + _LEASE))
            if errand is None:
                break
            sent += await self._send(errand)
        return sent

    async def _send(self, errand: Errand) -> bool:
        try:
            mail = await self._writer.mail(errand)
            if mail is not None:
                await self._mailer.send(mail)
        except MailRefusedError as refused:
            await self._give_up(errand, f"refused ({refused.code})")
            return False
        except MailDelayedError as delayed:
            await self._later(errand, delayed.reason)
            return False
        except KuskaError as error:
            await self._later(errand, error.issues[0].message if error.issues else error.family)
            return False
        except Exception:  # noqa: BLE001 - one bad mail must not keep the others
            _log.exception("mail", kind=errand.kind)
            await self._later(errand, "unexpected")
            return False
        await self._db.single(lambda tx: mails.sent(tx, errand.id))
        return mail is not None

    async def _later(self, errand: Errand, problem: str) -> None:
        now = self._clock.now()
        if now - errand.asked >= _GIVE_UP:
            await self._give_up(errand, problem)
            return
        due = now + min(_FIRST_PAUSE * 2 ** min(errand.attempts - 1, 20), _LONGEST_PAUSE)
        await self._db.single(lambda tx: mails.later(tx, errand.id, due, problem))
        _log.warning("mail not sent, will be tried again", kind=errand.kind, attempts=errand.attempts, reason=problem)

    async def _give_up(self, errand: Errand, problem: str) -> None:
        await self._db.single(lambda tx: mails.give_up(tx, errand.id, self._clock.now(), problem))
        _log.error("mail given up", kind=errand.kind, attempts=errand.attempts, reason=problem)

    async def sweep(self) -> None:
        """Clears away what has run out, once an hour."""
        now = self._clock.now()
        if self._swept is not None and now - self._swept < _SWEEP:
            return
        self._swept = now

        async def work(tx: Write) -> None:
            await mails.sweep(tx, now - _KEEP)
            for sweep in self._sweepers:
                await sweep(tx)

        await self._db.transact(work)

    def running(self) -> AbstractAsyncContextManager[None]:
        return beside(self._run())

    async def _run(self) -> None:
        while True:
            try:
                await self.send_due()
                await self.sweep()
            except KuskaError as error:
                _log.warning("mail queue", reason=error.family)
            except Exception:  # noqa: BLE001 - whatever it was, the queue goes on
                _log.exception("mail queue")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), _LOOK)
                await asyncio.sleep(_COMMITTED)
            self._due.clear()
