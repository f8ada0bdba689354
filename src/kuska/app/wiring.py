"""Puts the parts together: database, security, record, pages. The only place that knows all of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from kuska.app import site
from kuska.app.frame import FHIR, Frame
from kuska.app.keyring import keyring
from kuska.app.patients import RecordPatients
from kuska.app.protection import protection
from kuska.app.settings import Settings
from kuska.app.storage import database
from kuska.fhir.api import open_record, tidied
from kuska.fhir.routes import FhirApp, OpenDoor
from kuska.fhir.settings import FhirSettings
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.logs import logger
from kuska.infra.telemetry.metrics import HttpMetrics
from kuska.infra.web.annex import Place
from kuska.kit.clock import SystemClock
from kuska.portal import pages as portal
from kuska.portal.record import routes as record_routes
from kuska.security.api import Consents, Keys, remember_origin
from kuska.security.routes import external as external_routes
from kuska.security.routes import oauth as oauth_routes


@asynccontextmanager
async def application(settings: Settings, port: int, annex: Place | None = None) -> AsyncGenerator[Frame]:
    """`port`: the one it listens on. `annex`: where large requests are done; None: here."""
    opened = _unguarded if settings.process.security == "off" else _guarded
    async with (
        database(settings) as db,
        keyring(settings, db) as keys,
        opened(settings, db, keys, port, annex) as frame,
    ):
        yield frame


@asynccontextmanager
async def _unguarded(
    settings: Settings, db: Database, keys: Keys, port: int, annex: Place | None
) -> AsyncGenerator[Frame]:
    """Everything for everybody on this machine; no accounts, no pages."""
    metrics, clock = HttpMetrics(), SystemClock()
    record = await open_record(db, settings.fhir, bases(settings, port), keys)
    async with tidied(record, clock):
        yield Frame(
            fhir=FhirApp(record, OpenDoor(clock), FHIR, annex=annex),
            site=site.build(db, metrics, [record_routes.build(record, clock)]),
            metrics=metrics,
            slow_seconds=settings.process.log_slow_seconds,
            loopback_only=True,
        )


@asynccontextmanager
async def _guarded(
    settings: Settings, db: Database, keys: Keys, port: int, annex: Place | None
) -> AsyncGenerator[Frame]:
    metrics, clock = HttpMetrics(), SystemClock()
    patients = RecordPatients(clock)
    own_url = origin(settings, port)
    await remember_origin(db, own_url)
    if not settings.mail.host:
        logger("mail").warning("no mail server", detail="mails wait in the database until KUSKA_MAIL_HOST is set")
    if not settings.security.data_protection_mail:
        # By its short name: the log takes what is as long as the variable's for a secret.
        logger("security").warning(
            "nobody is told when the glass is broken", detail="set data_protection_mail: kuska doctor"
        )
    async with protection(settings, db, keys, clock, own_url=own_url, patients=patients) as security:
        own, zone = bases(settings, port), ZoneInfo(settings.fhir.zone)
        record = await open_record(db, addressed(settings), own, keys, Consents(security.epoch, own, zone))
        patients.served_by(record, security.trail, security.door)
        security.oauth.choose_with(patients.may_choose, patients.chosen)
        security.trail.metrics.join(metrics.registry)
        security.glass.metrics.join(metrics.registry)
        security.refusals.metrics.join(metrics.registry)
        pages = portal.build(security, secure=own_url.startswith("https:"), zone=zone, archive=record)
        routers = [
            record_routes.build(record, clock, pages.shell),
            oauth_routes.build(security.oauth),
            external_routes.build(security.external),
            pages.router,
        ]
        fresh = timedelta(minutes=settings.security.step_up_minutes)
        everything_else = site.build(db, metrics, routers, door=security.door, clock=clock, fresh=fresh)
        pages.attend(everything_else)
        async with tidied(record, clock):
            yield Frame(
                fhir=FhirApp(record, security.door, FHIR, security.trail, own_url, annex),
                site=everything_else,
                metrics=metrics,
                slow_seconds=settings.process.log_slow_seconds,
                loopback_only=False,
            )


def origin(settings: Settings, port: int) -> str:
    """Where people reach this server: the issuer of its tokens."""
    return settings.security.public_url or f"{scheme(settings)}://localhost:{port}"


def addressed(settings: Settings) -> FhirSettings:
    """The base that links name: the public one, where it is known, and not whatever host a client says it asked."""
    if settings.fhir.base_url or not settings.security.public_url:
        return settings.fhir
    return replace(settings.fhir, base_url=settings.security.public_url + FHIR)


def scheme(settings: Settings) -> str:
    return "https" if settings.http.tls_certificate else "http"


def bases(settings: Settings, port: int) -> list[str]:
    """FHIR bases that are this server: for whoever asks on this machine, and at its public address."""
    public = [settings.security.public_url + FHIR] if settings.security.public_url else []
    return [*public, *own_urls(settings.process.host, port, scheme(settings))]


def own_urls(host: str, port: int, scheme: str = "http") -> list[str]:
    """FHIR bases that are this server for whoever asks on this machine; KUSKA_FHIR_BASE_URL adds the one from outside."""
    names = [f"[{host}]" if ":" in host else host.lower(), "localhost", "127.0.0.1", "[::1]"]
    ports = [f":{port}", ""] if port == {"http": 80, "https": 443}[scheme] else [f":{port}"]
    return list(dict.fromkeys(f"{scheme}://{name}{suffix}{FHIR}" for name in names for suffix in ports))
