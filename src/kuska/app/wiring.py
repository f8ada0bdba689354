"""Puts the parts together: database, record, routes. The only place that knows all of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from kuska.app import site
from kuska.app.frame import FHIR, Frame
from kuska.app.keyring import keyring
from kuska.app.settings import Settings
from kuska.app.storage import database
from kuska.fhir.api import open_record
from kuska.fhir.routes import FhirApp, OpenDoor
from kuska.infra.telemetry.metrics import HttpMetrics
from kuska.kit.clock import SystemClock
from kuska.portal.record import routes as record_routes


@asynccontextmanager
async def application(settings: Settings, port: int) -> AsyncGenerator[Frame]:
    """`port`: the one it listens on."""
    async with database(settings) as db, keyring(settings, db) as keys:
        metrics = HttpMetrics()
        record = await open_record(db, settings.fhir, own_urls(settings.process.host, port, scheme(settings)), keys)
        yield Frame(
            fhir=FhirApp(record, OpenDoor(SystemClock()), FHIR),
            site=site.build(db, metrics, [record_routes.build(record, SystemClock())]),
            metrics=metrics,
            slow_seconds=settings.process.log_slow_seconds,
            loopback_only=settings.process.security == "off",
        )


def scheme(settings: Settings) -> str:
    return "https" if settings.http.tls_certificate else "http"


def own_urls(host: str, port: int, scheme: str = "http") -> list[str]:
    """FHIR bases that are this server for whoever asks on this machine; KUSKA_FHIR_BASE_URL adds the one from outside."""
    names = [f"[{host}]" if ":" in host else host.lower(), "localhost", "127.0.0.1", "[::1]"]
    ports = [f":{port}", ""] if port == {"http": 80, "https": 443}[scheme] else [f":{port}"]
    return list(dict.fromkeys(f"{scheme}://{name}{suffix}{FHIR}" for name in names for suffix in ports))
