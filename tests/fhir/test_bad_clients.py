"""Bad clients on a real socket against the real application: slow, endless, huge, deaf. The others go on being served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from tests.fhir import given

from kuska.fhir.routes import FhirApp
from kuska.infra.web.protocol import GuardedProtocol
from kuska.infra.web.settings import HttpSettings

pytestmark = [pytest.mark.requirement("HC-01"), pytest.mark.requirement("LW-20")]
SHORT = HttpSettings(head_seconds=0.5, body_seconds=0.5, send_seconds=0.5, idle_seconds=2)
# Longer than any test waits: who is served under these was not served because the bad ones were sent away.
LONG = HttpSettings(head_seconds=600, body_seconds=600, send_seconds=600, idle_seconds=600)
_PATIENCE = 60.0
HEAD = b"POST /fhir/Patient HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/fhir+json\r\n"


@asynccontextmanager
async def serving(app: FhirApp, given_limits: HttpSettings = LONG) -> AsyncGenerator[int]:
    class Protocol(GuardedProtocol):
        limits = given_limits

    config = uvicorn.Config(app, http=Protocol, ws="none", lifespan="off", log_config=None, port=0)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def answer(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(4096), _PATIENCE)
    except ConnectionResetError:
        return b""


async def others_are_served(port: int) -> None:
    url = f"http://127.0.0.1:{port}/fhir/"
    async with asyncio.timeout(_PATIENCE), httpx.AsyncClient(base_url=url, timeout=_PATIENCE) as client:
        for _ in range(10):
            made = await client.post("Patient", json=given.patient())
            assert made.status_code == 201
            assert (await client.get(f"Patient/{made.json()['id']}")).status_code == 200


async def test_a_gigabyte_is_refused_at_once(app: FhirApp) -> None:
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"content-length: 1000000000\r\n\r\n" + b" " * 100_000)
        text = await answer(reader)
        assert b" 413 " in text
        assert b"OperationOutcome" in text + await answer(reader)
        await others_are_served(port)
        writer.close()


async def test_an_endless_body_is_refused_at_the_limit(app: FhirApp) -> None:
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
        sent = 0

        async def flood() -> None:
            nonlocal sent
            while sent < 1_000_000_000:
                writer.write(piece)
                await writer.drain()
                sent += 65536

        flooding = asyncio.create_task(flood())
        assert b" 413 " in await answer(reader)
        await others_are_served(port)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            await flooding
        assert sent < 100_000_000
        writer.close()


async def test_slow_senders_get_an_answer_and_hold_up_nobody(app: FhirApp) -> None:
    async with serving(app) as port:
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        for _, writer in slow:
            writer.write(HEAD + b"content-length: 1000\r\n\r\n{")
        await others_are_served(port)
        texts = await asyncio.gather(*(answer(reader) for reader, _ in slow))
        assert all(b" 408 " in text for text in texts)
        for _, writer in slow:
            writer.close()


async def test_clients_that_stop_reading_hold_up_nobody(app: FhirApp) -> None:
    for limits in (LONG, SHORT):
        await with_deaf_clients(app, limits)


async def with_deaf_clients(app: FhirApp, limits: HttpSettings) -> None:
    async with serving(app, limits) as port:
        deaf = [await asyncio.open_connection("127.0.0.1", port, limit=1024) for _ in range(30)]
        for _, writer in deaf:
            writer.write(b"GET /fhir/metadata HTTP/1.1\r\nhost: localhost\r\n\r\n" * 20)
            writer.transport.pause_reading()
        await others_are_served(port)
        if limits is SHORT:
            await asyncio.sleep(limits.send_seconds + 0.5)  # they are being sent away
        await others_are_served(port)
        for _, writer in deaf:
            writer.transport.abort()
