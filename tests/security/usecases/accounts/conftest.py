"""Accounts, sessions and mail on a real database, with a clock that is set and an SMTP server that keeps what it gets."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from kuska.infra.mail.smtp import Mail, MailDelayedError, MailRefusedError
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database, Limits
from kuska.kit.clock import SetClock
from kuska.security.contracts import Access, Caller, Event, Letter, PatientMatch, Role, Way
from kuska.security.domain.accounts import Account, NewAccount
from kuska.security.domain.roles import shipped
from kuska.security.domain.sessions import Session
from kuska.security.settings import SecuritySettings
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.accounts.hashing import Hasher
from kuska.security.usecases.accounts.opening import open_accounts, post_office
from kuska.security.usecases.accounts.service import Accounts
from kuska.security.usecases.limits import Knocking, Unlimited
from kuska.security.usecases.mailing.letters import Letters
from kuska.security.usecases.mailing.mailroom import Mailroom
from kuska.security.usecases.refusals import Refusals
from kuska.security.usecases.sessions import Sessions
from kuska.security.usecases.trail.trail import AuditTrail
from kuska.security.visit import Visit

HERE = "203.0.113.7"
ELSEWHERE = "198.51.100.9"
GOOD = "cuatro perros azules"
NEW = "siete gatos de Arequipa"
_LINK = re.compile(r"https://kuska\.test/(?:invitacion|clave)/([\w-]+)")


class Lines:
    """The trail, as a list. What is noted in a transaction that fails is not there."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def note(self, event: Event) -> None:
        self.events.append(event)

    async def keep(self, event: Event) -> None:
        self.events.append(event)

    async def within(self, tx: Write, events: Sequence[Event]) -> None:
        assert tx.is_in_transaction()  # type: ignore[attr-defined]
        self.events += events

    def columns(self, events: Sequence[Event]) -> tuple[Sequence[object], ...]:
        raise NotImplementedError

    def said(self) -> list[tuple[str, str, str]]:
        return [(event.kind, event.interaction, event.reason) for event in self.events]


class Post:
    """A mail server that is up, down, or refuses."""

    def __init__(self) -> None:
        self.configured = True
        self.mails: list[Mail] = []
        self.down = False
        self.refuses = False

    async def send(self, mail: Mail) -> None:
        if self.down:
            raise MailDelayedError("ConnectionRefusedError")
        if self.refuses:
            raise MailRefusedError(550)
        self.mails.append(mail)

    def token(self) -> str:
        found = _LINK.search(self.mails[-1].text)
        assert found is not None, self.mails[-1].text
        return found[1]


@dataclass(frozen=True)
class Granted:
    """An access with features and nothing else."""

    caller: Caller
    features: frozenset[str] = frozenset()
    purpose: str = "TREAT"
    withheld: frozenset[str] = frozenset()
    consented: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()
    durable: bool = False

    def ways(self, _: str, __: Letter) -> tuple[Way, ...]:
        return ()

    def free(self, _: str, __: Letter) -> bool:
        return False

    def may(self, feature: str) -> bool:
        return feature in self.features


class Register:
    """The record's patients."""

    def __init__(self) -> None:
        self.patients: dict[tuple[str, date], PatientMatch] = {}

    async def find(self, systems: Sequence[str], value: str, birth_date: date) -> PatientMatch | None:
        assert systems
        return self.patients.get((value, birth_date))


class Counting(Hasher):
    """Says against what each password was verified."""

    def __init__(self, settings: SecuritySettings) -> None:
        super().__init__(settings, 2)
        self.verifications: list[str] = []

    def verified(self, text: str, stored: str) -> bool:
        self.verifications.append(stored)
        return super().verified(text, stored)


@dataclass
class World:
    db: Database
    settings: SecuritySettings
    clock: SetClock
    trail: Lines
    post: Post
    epoch: Epoch
    patients: Register
    sessions: Sessions
    mailroom: Mailroom
    letters: Letters
    accounts: Accounts
    hasher: Counting
    factors: set[str] = field(default_factory=set)

    async def person(self, login: str = "ana@example.org", password: str | None = GOOD, **more: object) -> Account:
        given: dict[str, object] = {"display_name": "Ana Quispe", "email": login if "@" in login else "", **more}
        return await self.accounts.create(NewAccount(login=login, **given), password)  # type: ignore[arg-type]

    async def signed_in(self, login: str = "ana@example.org", password: str = GOOD, address: str = HERE) -> str:
        return (await self.accounts.sign_in(login, password, address, "Firefox")).session_cookie

    async def session(self, cookie: str) -> Session:
        found = await self.sessions.find(cookie, HERE)
        assert found is not None
        return found

    def visit(self, *features: str, account: str = "administrator") -> Visit:
        """Of who has just shown a second factor."""
        return self.stale_visit(*features, account=account, confirmed=self.clock.now())

    def stale_visit(self, *features: str, account: str = "administrator", confirmed: datetime | None = None) -> Visit:
        caller = Caller(kind="person", account=account, roles=("administrator",), confirmed=confirmed)
        access: Access = Granted(caller, frozenset(features))
        return Visit(access, self.trail, self.clock)

    def passes(self, **by: float) -> None:
        self.clock.advance(timedelta(**by))


async def roles() -> Mapping[str, Role]:
    return shipped()


def build(
    db: Database, settings: SecuritySettings, post: Post, real: AuditTrail | None = None, limits: Knocking | None = None
) -> World:
    """With the trail as a list, or the real one."""
    clock = SetClock(datetime(2026, 11, 21, 12, tzinfo=UTC))
    trail: Any = real or Lines()
    epoch, register, factors = Epoch(db), Register(), set[str]()
    sessions = Sessions(db, settings, clock, trail, epoch)
    letters, mailroom = post_office(
        db, settings, clock, trail, mailer=post, own_url="https://kuska.test", patients=register
    )

    async def needs_factor(account: Account) -> bool:
        return account.login in factors

    opened = open_accounts(
        db, settings, clock, trail, epoch=epoch, sessions=sessions, letters=letters, mailroom=mailroom, roles=roles,
        needs_factor=needs_factor, hasher=(hasher := Counting(settings)), refusals=Refusals(trail, limits or Unlimited()),
    )  # fmt: skip
    return World(
        db, settings, clock, trail, post, epoch, register, sessions, mailroom, letters, opened.accounts, hasher, factors
    )


@pytest.fixture(scope="module")
async def own_dsn(server_dsn: str, template: str) -> AsyncIterator[str]:
    """One database per file, emptied for each test: a quarter of a second less than a new one."""
    name = f"test_{os.getpid()}_{secrets.token_hex(4)}"
    conn = await asyncpg.connect(server_dsn)
    await conn.execute(f"create database {name} template {template}")
    yield urlunsplit(urlsplit(server_dsn)._replace(path=f"/{name}"))
    await conn.execute(f"drop database if exists {name} with (force)")
    await conn.close()


@pytest.fixture(scope="module")
async def own_db(own_dsn: str) -> AsyncIterator[Database]:
    database = await Database.open(own_dsn, Limits(read_connections=4, write_connections=4))
    yield database
    await database.close()


@pytest.fixture
async def fresh_db(own_db: Database) -> Database:
    async with own_db.write() as tx:
        await tx.execute("truncate security.account, security.mail, security.throttle cascade")
    return own_db


@pytest.fixture
def fresh_dsn(fresh_db: Database, own_dsn: str) -> str:
    return own_dsn


@pytest.fixture
def settings() -> SecuritySettings:
    """As cheap as argon2 gets: what it costs is not what is tested."""
    return SecuritySettings(argon2_memory=7_168, argon2_passes=1)


@pytest.fixture
async def world(fresh_db: Database, settings: SecuritySettings) -> AsyncIterator[World]:
    made = build(fresh_db, settings, Post())
    yield made
    made.hasher.close()
