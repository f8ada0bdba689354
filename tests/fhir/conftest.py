"""The whole record behind its ASGI application, on this worker's database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from kuska.fhir.api import Archive, Record, open_record
from kuska.fhir.routes import FhirApp, OpenDoor
from kuska.fhir.settings import FhirSettings
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SystemClock
from kuska.security.api import visit_off

BASE = "http://localhost/fhir"
SETTINGS = FhirSettings(max_body_bytes=2 * 1024 * 1024, body_seconds=1.0, max_bundle_entries=2000)


@pytest.fixture(scope="session")
async def archive(db: Database) -> Archive:
    return await open_record(db, SETTINGS)


@pytest.fixture(scope="session")
async def record(archive: Archive) -> Record:
    """As it is for everybody when security is off."""
    return await archive.for_visit(visit_off())


@pytest.fixture(scope="session")
def app(archive: Archive) -> FhirApp:
    return unguarded(archive)


@pytest.fixture(scope="session")
async def client(app: FhirApp) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as opened:
        yield opened


@pytest.fixture
async def fresh_client(fresh_db: Database) -> AsyncIterator[httpx.AsyncClient]:
    """On an empty database of this test's own."""
    async with client_of(unguarded(await open_record(fresh_db, SETTINGS))) as opened:
        yield opened


def unguarded(archive: Archive) -> FhirApp:
    """With security off."""
    return FhirApp(archive, OpenDoor(SystemClock()))


def client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url=BASE + "/", headers={"accept-language": "en"}
    )
