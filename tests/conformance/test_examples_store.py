"""The examples of the R4 specification: accepted, stored, and returned with identical content, decimals included."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from kuska.fhir.api import Archive, Record, open_record
from kuska.fhir.routes import FhirApp, OpenDoor
from kuska.fhir.store.records import Change
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SystemClock
from kuska.kit.json import decode
from kuska.security.api import visit_off

_ADDED = ("versionId", "lastUpdated")


@pytest.fixture
async def archive(fresh_db: Database) -> Archive:
    return await open_record(fresh_db)


@pytest.fixture
async def record(archive: Archive) -> Record:
    return await archive.for_visit(visit_off())


@pytest.fixture
async def client(archive: Archive) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=FhirApp(archive, OpenDoor(SystemClock())))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/fhir/") as opened:
        yield opened


def exact(raw: bytes) -> dict[str, Any]:
    """As text says it: 1.0 and 1.00 differ, and so do 1 and 1.0."""
    return json.loads(raw, parse_float=lambda text: ("decimal", str(Decimal(text)), text))


def without_added(node: dict[str, Any]) -> dict[str, Any]:
    meta = {name: value for name, value in node.get("meta", {}).items() if name not in _ADDED}
    rest = {name: value for name, value in node.items() if name != "meta"}
    return {**rest, "meta": meta} if meta else rest


async def stored(client: httpx.AsyncClient, record: Record, raw: bytes) -> str:
    """Why it was not accepted, '' when it was. What validation refuses is stored behind its back all the same, to see
    that the store keeps that, too."""
    sent = exact(raw)
    url = f"{sent['resourceType']}/{sent['id']}"
    put = await client.put(url, content=raw, headers={"content-type": "application/fhir+json"})
    if put.status_code == 201:
        return ""
    await record.write([Change("put", sent["resourceType"], sent["id"], decode(raw))])
    issues = [issue for issue in put.json()["issue"] if issue["severity"] in ("error", "fatal")]
    shown = [f"{issue['details']['coding'][0]['code']} at {issue.get('expression', ['?'])[0]}" for issue in issues]
    return f"{put.status_code}: {'; '.join(shown[:5])}"


async def check_content(client: httpx.AsyncClient, raw: bytes) -> None:
    sent = exact(raw)
    found = exact((await client.get(f"{sent['resourceType']}/{sent['id']}")).content)
    assert set(_ADDED) <= set(found["meta"])
    assert without_added(found) == without_added(sent)


@pytest.mark.requirement("HC-01")
@pytest.mark.parametrize("file", ["examples", "conformance"])
async def test_examples(
    client: httpx.AsyncClient,
    record: Record,
    corpus: Path,
    ledger: Callable[[str, float], Any],
    file: str,
) -> None:
    book = ledger(f"{file}-store", 0.98)
    with gzip.open(corpus / "fhir-examples-r4" / f"{file}.ndjson.gz") as lines:
        for line in lines:
            raw = line.strip()
            reason = await stored(client, record, raw)
            if reason:
                sent = json.loads(raw)
                book.failed(f"{sent['resourceType']}/{sent['id']}", reason)
            else:
                book.passed()
            await check_content(client, raw)
    book.close()
