"""HTTP itself: addresses, methods, formats, bodies and their limits, languages, faults."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import json
from typing import Any

import httpx
import pytest
from tests.fhir import given
from tests.fhir.conftest import SETTINGS, client_of, unguarded

from kuska.fhir.api import Archive
from kuska.fhir.routes import FhirApp
from kuska.fhir.routes import app as module
from kuska.fhir.usecases import table

pytestmark = pytest.mark.requirement("HC-01")


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "Nonsense/1", 404, "interaction.unknown-type"),
        ("GET", "patient/1", 404, "interaction.unknown-path"),
        ("GET", "Patient/1/a/b/c", 404, "interaction.unknown-path"),
        ("GET", "Patient/ñ", 400, "interaction.bad-id"),
        ("GET", "Patient/" + "a" * 65, 400, "interaction.bad-id"),
        ("GET", "Patient/$nonsense", 404, "interaction.unknown-operation"),
        ("GET", "$nonsense", 404, "interaction.unknown-operation"),
        ("POST", "Patient/1", 405, "interaction.method-not-allowed"),
        ("PUT", "", 405, "interaction.method-not-allowed"),
        ("DELETE", "metadata", 405, "interaction.method-not-allowed"),
        ("PATCH", "Patient/1/_history/1", 405, "interaction.method-not-allowed"),
        ("OPTIONS", "Patient", 405, "interaction.method-not-allowed"),
    ],
)
async def test_wrong_addresses(client: httpx.AsyncClient, method: str, path: str, status: int, message: str) -> None:
    response = await client.request(method, path)
    given.is_outcome(response, status, message)
    assert ("allow" in response.headers) == (status == 405)


async def test_accept(client: httpx.AsyncClient) -> None:
    for good in ("application/fhir+json", "application/json", "text/json", "*/*", "text/html,*/*;q=0.1"):
        response = await client.get("metadata", headers={"accept": good})
        assert response.status_code == 200, good
        assert response.headers["content-type"].startswith("application/fhir+json")
    for bad in ("application/fhir+xml", "text/html", "application/fhir+json;fhirVersion=3.0", "*/*;q=0"):
        given.is_outcome(await client.get("metadata", headers={"accept": bad}), 406, "interaction.not-acceptable")


async def test_format_wins_over_accept(client: httpx.AsyncClient) -> None:
    xml = {"accept": "application/fhir+xml"}
    for good in ("json", "application/fhir%2Bjson", "application/fhir+json", "application/json"):
        assert (await client.get(f"metadata?_format={good}", headers=xml)).status_code == 200, good
    given.is_outcome(await client.get("metadata?_format=xml"), 406, "interaction.not-acceptable")


async def test_pretty(client: httpx.AsyncClient) -> None:
    body = (await client.post("Observation", json=given.observation("Patient/x"))).json()
    plain = await client.get(f"Observation/{body['id']}")
    pretty = await client.get(f"Observation/{body['id']}?_pretty=true")
    assert plain.text.count("\n") == 0
    assert '\n  "status": "final"' in pretty.text
    assert pretty.json() == plain.json()


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "Patient", "application/fhir+xml"),
        ("POST", "Patient", "text/plain"),
        ("POST", "Patient", "application/x-www-form-urlencoded"),
        ("POST", "Patient", "application/fhir+json; charset=latin-1"),
        ("PUT", "Patient/1", "application/json-patch+json"),
        ("PATCH", "Patient/1", "application/merge-patch+json"),
        ("POST", "", "application/fhir+ndjson"),
        ("POST", "Patient/_search", "application/json"),
    ],
)
async def test_content_types_refused(client: httpx.AsyncClient, method: str, path: str, kind: str) -> None:
    response = await client.request(method, path, content=b"{}", headers={"content-type": kind})
    assert "application/" in given.is_outcome(response, 415, "interaction.media-type")["diagnostics"]


async def test_content_types_accepted(client: httpx.AsyncClient) -> None:
    raw = json.dumps(given.patient()).encode()
    for kind in (
        "application/fhir+json",
        "application/json; charset=UTF-8",
        "text/json",
        "application/fhir+json;fhirVersion=4.0",
    ):
        assert (await client.post("Patient", content=raw, headers={"content-type": kind})).status_code == 201, kind
    request = client.build_request("POST", "Patient", content=raw)
    assert "content-type" not in request.headers
    assert (await client.send(request)).status_code == 201


async def test_prefer_return(client: httpx.AsyncClient) -> None:
    minimal = await client.post("Patient", json=given.patient(), headers={"prefer": "return=minimal"})
    assert (minimal.status_code, minimal.content) == (201, b"")
    assert minimal.headers["etag"] == 'W/"1"'
    told = await client.post("Patient", json=given.patient(), headers={"prefer": "return=OperationOutcome"})
    assert (told.status_code, told.json()["resourceType"]) == (201, "OperationOutcome")
    id_ = minimal.headers["location"].split("/")[-3]
    gone = await client.delete(f"Patient/{id_}", headers={"prefer": "return=OperationOutcome"})
    assert (gone.status_code, gone.json()["resourceType"]) == (200, "OperationOutcome")


async def test_gzip_bodies(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/fhir+json", "content-encoding": "gzip"}
    raw = gzip.compress(json.dumps(given.patient()).encode())
    assert (await client.post("Patient", content=raw, headers=headers)).status_code == 201
    given.is_outcome(await client.post("Patient", content=raw[:-9], headers=headers), 400, "interaction.bad-gzip")
    given.is_outcome(await client.post("Patient", content=b"nonsense", headers=headers), 400, "interaction.bad-gzip")
    bomb = gzip.compress(b" " * (SETTINGS.max_body_bytes * 20))
    assert len(bomb) < 100_000
    given.is_outcome(await client.post("Patient", content=bomb, headers=headers), 413, "interaction.body-too-large")
    headers["content-encoding"] = "br"
    given.is_outcome(await client.post("Patient", content=raw, headers=headers), 415, "interaction.content-encoding")


class Wire:
    """A client that sends what it likes, as slowly as it likes, straight to the application."""

    def __init__(self, app: FhirApp, method: str = "POST", path: str = "/fhir/Patient", **headers: str) -> None:
        self.app = app
        self.read = 0
        self.messages: list[dict[str, Any]] = []
        self.scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": path,
            "query_string": b"",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }

    async def send(self, message: dict[str, Any]) -> None:
        self.messages.append(message)

    async def run(self, receive: Any) -> tuple[int, dict[str, Any]]:
        await self.app(self.scope, receive, self.send)
        body = b"".join(message.get("body", b"") for message in self.messages[1:])
        return self.messages[0]["status"], json.loads(body)


async def test_a_huge_body_is_not_read(app: FhirApp) -> None:
    """1 GB announced: refused by its length, not a byte taken."""
    wire = Wire(app, content_length=str(1 << 30))

    async def receive() -> dict[str, Any]:
        raise AssertionError("nobody may read this")

    status, outcome = await wire.run(receive)
    assert status == 413
    assert outcome["issue"][0]["details"]["coding"][0]["code"] == "interaction.body-too-large"
    assert (b"connection", b"close") in wire.messages[0]["headers"]


async def test_an_endless_body_is_read_to_the_limit_only(app: FhirApp) -> None:
    wire = Wire(app, transfer_encoding="chunked")
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 65536
        return {"type": "http.request", "body": b" " * 65536, "more_body": True}

    status, _ = await wire.run(receive)
    assert status == 413
    assert taken <= SETTINGS.max_body_bytes + 65536


async def test_a_slow_sender_is_told_so(app: FhirApp) -> None:
    wire = Wire(app, transfer_encoding="chunked")

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.3)
        return {"type": "http.request", "body": b" ", "more_body": True}

    status, outcome = await wire.run(receive)
    assert status == 408
    assert outcome["issue"][0]["details"]["coding"][0]["code"] == "interaction.body-too-slow"


async def test_a_client_that_leaves_is_not_answered(app: FhirApp) -> None:
    wire = Wire(app)

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    await app(wire.scope, receive, wire.send)
    assert wire.messages == []


async def test_many_large_bodies_together_are_bounded(archive: Archive) -> None:
    small = dataclasses.replace(SETTINGS, max_bodies_bytes=1024 * 1024, body_seconds=600)
    app = unguarded(dataclasses.replace(archive, nobodys=dataclasses.replace(archive.nobodys, settings=small)))
    gate, held = asyncio.Event(), asyncio.Semaphore(0)

    async def one() -> int:
        pieces = [b" " * 300_000, b"}"]

        async def receive() -> dict[str, Any]:
            if len(pieces) == 1:
                held.release()
                await gate.wait()
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        return (await Wire(app, transfer_encoding="chunked").run(receive))[0]

    running = [asyncio.create_task(one()) for _ in range(6)]
    async with asyncio.timeout(60):
        for _ in running:
            await held.acquire()
    gate.set()
    statuses = sorted(await asyncio.gather(*running))
    assert statuses == [400, 400, 400, 429, 429, 429]
    assert app._bodies._held == 0


async def test_large_answers_leave_in_pieces(app: FhirApp) -> None:
    wire = Wire(app, "GET", "/fhir/metadata", accept="application/json")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    status, body = await wire.run(receive)
    assert (status, body["resourceType"]) == (200, "CapabilityStatement")
    pieces = [message["body"] for message in wire.messages[1:]]
    assert len(pieces) > 1
    assert max(map(len, pieces)) <= 256 * 1024
    assert [message.get("more_body", False) for message in wire.messages[1:]] == [True] * (len(pieces) - 1) + [False]


async def test_request_ids(client: httpx.AsyncClient) -> None:
    assert (await client.get("Patient/x", headers={"x-request-id": "abc-1"})).headers["x-request-id"] == "abc-1"
    made = (await client.get("Patient/x", headers={"x-request-id": "no\twonder"})).headers["x-request-id"]
    assert made != "no\twonder"
    assert (await client.get("Patient/x")).headers["x-request-id"] != made


async def test_headers_that_protect(client: httpx.AsyncClient) -> None:
    headers = (await client.get("Patient/x")).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


async def test_a_host_that_is_none(client: httpx.AsyncClient) -> None:
    response = await client.get("Patient/x", headers={"host": 'a"b'})
    given.is_outcome(response, 400, "interaction.bad-host")


async def test_a_defect_is_an_outcome_and_is_logged_without_content(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("Huamán Quispe, Rosa")

    monkeypatch.setitem(table.INTERACTIONS, "read", broken)
    monkeypatch.setitem(module._TABLE, "read", broken)
    async with client_of(unguarded(archive)) as client:
        response = await client.get("Patient/x", headers={"x-request-id": "r-1"})
    issue = given.is_outcome(response, 500, "interaction.fault")
    assert "r-1" in issue["diagnostics"]
    assert "Huam" not in response.text
    logged = "".join(capsys.readouterr())
    assert "KeyError" in logged
    assert "r-1" in logged
    assert "Huam" not in logged
