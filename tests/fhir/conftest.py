"""The whole record behind its ASGI application, on this worker's database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from kuska.fhir.api import Record, open_record
from kuska.fhir.routes import FhirApp
from kuska.fhir.settings import FhirSettings
from kuska.infra.postgres.database import Database

BASE = "http://localhost/fhir"
SETTINGS = FhirSettings(max_body_bytes=2 * 1024 * 1024, body_seconds=1.0, max_bundle_entries=2000)


@pytest.fixture(scope="session")
async def record(db: Database) -> Record:
    return await open_record(db, SETTINGS)


@pytest.fixture(scope="session")
def app(record: Record) -> FhirApp:
    return FhirApp(record)


@pytest.fixture(scope="session")
async def client(app: FhirApp) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as opened:
        yield opened


@pytest.fixture
async def fresh_client(fresh_db: Database) -> AsyncIterator[httpx.AsyncClient]:
    """On an empty database of this test's own."""
    async with client_of(FhirApp(await open_record(fresh_db, SETTINGS))) as opened:
        yield opened


def client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url=BASE + "/", headers={"accept-language": "en"}
    )
