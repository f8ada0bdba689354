"""The whole site, alive on a free port of localhost: security on, accounts of every role, mails kept instead of sent."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import uvicorn
from tests.portal.browser.chart import RECORD

from kuska.app import site
from kuska.countries.registry import documents_meant
from kuska.fhir import api
from kuska.fhir.api import open_record
from kuska.infra.mail.smtp import Mail
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.metrics import HttpMetrics
from kuska.portal import pages
from kuska.portal.record import routes as record_routes
from kuska.security.api import Account, NewAccount, Security, open_security, visit_off
from kuska.security.contracts import Caller, PatientMatch
from kuska.security.domain.sealing import passing_ring
from kuska.security.routes import oauth as oauth_routes
from kuska.security.settings import LimitSettings, SecuritySettings

PASSWORD = "una frase bastante larga"
SETTINGS = SecuritySettings(
    argon2_memory=7_168, argon2_passes=1, address_failures=1_000, data_protection_mail="dpo@example.org"
)
# role -> (login, name)
PEOPLE = {
    "patient": ("45678901", "Rosa Quispe Mamani"),
    "admissions": ("admision@example.org", "Julia Torres"),
    "physician": ("medica@example.org", "Dra. Elena Vargas Soto"),
    "results": ("resultados@example.org", "Raúl Campos"),
    "coordinator": ("coordina@example.org", "Nora Huamán"),
    "integrator": ("integra@example.org", "Iván Rojas"),
    "steward": ("custodia@example.org", "Carmen Díaz"),
    "auditor": ("auditora@example.org", "Lucía Paredes"),
    "administrator": ("admin@example.org", "Andrés Molina"),
}


@dataclass
class MovedClock:
    """The real time, moved on when a test needs the next code."""

    by: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by

    def advance(self, by: timedelta) -> None:
        self.by += by


@dataclass
class KeptMails:
    sent: list[Mail] = field(default_factory=list)
    configured: bool = True

    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, mail: Mail) -> None:
        self.sent.append(mail)
        self.arrived.set()

    async def to(self, address: str) -> None:
        """Until there is one to this address: the mailroom may be carrying it already."""
        async with asyncio.timeout(60):
            while not any(mail.to == address for mail in self.sent):
                self.arrived.clear()
                await self.arrived.wait()

    def link(self, to: str) -> str:
        """The path of the link in the newest mail to somebody."""
        (text,) = [mail.text for mail in self.sent if mail.to == to][-1:]
        found = re.search(r"https?://[^/\s]+(/\S+)", text)
        assert found, text
        return found[1]


@dataclass
class KnownPatients:
    """The record's patients, as security asks for them."""

    found: dict[tuple[str, date], PatientMatch] = field(default_factory=dict)
    documents: dict[str, str] = field(
        default_factory=lambda: {"45678901": "rosa", "17801147": "closed", "001234567": "liang"}
    )

    async def locate(self, text: str) -> str | None:
        if text in self.documents.values():
            return text
        return next(
            (self.documents[match.value] for match in documents_meant(text) if match.value in self.documents), None
        )

    async def practises(self, id_: str) -> bool:
        return id_ != "nobody"

    async def may_choose(self, _: Caller, patient: str) -> bool:
        return patient in ("rosa", "liang")

    async def find(self, _: Sequence[str], value: str, birth_date: date) -> PatientMatch | None:
        return self.found.get((value, birth_date))


@dataclass
class Live:
    url: str
    security: Security
    clock: MovedClock
    mails: KeptMails
    accounts: dict[str, Account]
    patients: KnownPatients

    async def cookie(self, role: str, *, methods: tuple[str, ...] = ("pwd", "otp")) -> str:
        """Of a session that has just shown these."""
        return await self.security.sessions.start(
            self.accounts[role],
            methods=methods,
            pending=False,
            address="127.0.0.1",
            agent="Mozilla/5.0 (Test) Firefox/140.0",
        )

    async def mail_to(self, to: str) -> str:
        await self.security.mailroom.send_due()
        await self.mails.to(to)
        return self.mails.link(to)


@contextlib.asynccontextmanager
async def alive(db: Database, data: Path) -> AsyncIterator[Live]:
    clock, mails, patients = MovedClock(), KeptMails(), KnownPatients()
    archive = await open_record(db)
    await api.upsert_many(await archive.for_visit(visit_off()), RECORD)
    sock = socket.create_server(("127.0.0.1", 0))
    url = f"http://localhost:{sock.getsockname()[1]}"
    async with open_security(
        db,
        SETTINGS,
        clock,
        url,
        data,
        limits=LimitSettings(),
        sealer=passing_ring(),
        mailer=mails,
        patients=patients,
        located=patients,
        staff=patients,
    ) as security:
        security.oauth.choose_with(patients.may_choose, patients.locate)
        made = pages.build(security, secure=False, zone=ZoneInfo("America/Lima"), clock=clock, archive=archive)
        app = site.build(
            db,
            HttpMetrics(),
            [made.router, oauth_routes.build(security.oauth), record_routes.build(archive, clock, made.shell)],
            door=security.door,
            clock=clock,
        )
        made.attend(app)
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none")
        )
        server.capture_signals = contextlib.nullcontext
        serving = asyncio.create_task(server.serve([sock]))
        try:
            accounts = {role: await _person(security, role) for role in PEOPLE}
            yield Live(url, security, clock, mails, accounts, patients)
        finally:
            server.should_exit = True
            await serving


async def _person(security: Security, role: str) -> Account:
    login, name = PEOPLE[role]
    new = NewAccount(
        login=login,
        display_name=name,
        email=login if "@" in login else "",
        roles=(role,),
        patient="rosa" if role == "patient" else "",
        practitioner="elena" if role == "physician" else "",
    )
    return await security.accounts.create(new, PASSWORD)
