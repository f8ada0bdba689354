"""One bad client at a time on a real socket: it must be gone soon, and must not have cost memory or the others' time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from kuska.infra.web.protocol import GuardedProtocol
from kuska.infra.web.settings import HttpSettings

LIMITS = HttpSettings(head_seconds=0.2, body_seconds=0.3, send_seconds=0.3, idle_seconds=1, max_head_bytes=8192)
# Longer than any test waits: who is served under these was not served because the bad ones were sent away.
LONG = HttpSettings(head_seconds=600, body_seconds=600, send_seconds=600, idle_seconds=600)
BIG = b"x" * 20_000_000


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """/read reads its body, /ignore does not, /big answers much."""
    status, body = 200, b"ok"
    if scope["path"] == "/read":
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            more = message["more_body"]
    elif scope["path"] == "/ignore":
        status, body = 413, b"too large"
    elif scope["path"] == "/big":
        body = BIG
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(given_limits: HttpSettings = LIMITS) -> AsyncGenerator[tuple[uvicorn.Server, int]]:
    class Protocol(GuardedProtocol):
        limits = given_limits

    config = uvicorn.Config(
        app, http=Protocol, ws="none", lifespan="off", log_config=None, port=0, timeout_keep_alive=1
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), 60)
    except ConnectionResetError:
        return b""


async def gone(server: uvicorn.Server) -> bool:
    for _ in range(6000):
        if not server.server_state.connections:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_a_usual_request() -> None:
    async with serving() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello")
            assert b"200 OK" in await reader.readuntil(b"ok")
        writer.close()


@pytest.mark.parametrize("start", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: "])
async def test_headers_that_do_not_come(start: bytes) -> None:
    async with serving() as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(start)
        assert await read_to_end(reader) == b""
        assert await gone(server)
        writer.close()


async def test_headers_that_come_a_byte_at_a_time() -> None:
    async with serving() as (server, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in b"GET / HTTP/1.1\r\nhost: xxxxxxxxxxxxxxxxxxxxxxxxxxxxx":
            if writer.transport.is_closing():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(0.01)
        assert await gone(server)
        writer.close()


async def test_headers_without_end() -> None:
    async with serving() as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nx-long: " + b"y" * 20_000)
        assert b" 431 " in await read_to_end(reader)
        assert await gone(server)
        writer.close()


async def test_a_body_that_does_not_come() -> None:
    async with serving() as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf")
        assert await read_to_end(reader) == b""
        assert await gone(server)
        writer.close()


async def test_a_body_that_nobody_wants_does_not_destroy_the_answer() -> None:
    async with serving() as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /ignore HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n" + b"z" * 1_000_000)
        assert b" 413 " in await read_to_end(reader)
        writer.close()
        assert await gone(server)


async def test_a_gigabyte_that_nobody_wants_is_cut_off() -> None:
    async with serving() as (server, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /ignore HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n")
        sent = 0
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            while sent < 1_000_000_000:
                writer.write(b"z" * 1_000_000)
                sent += 1_000_000
                await writer.drain()
        assert sent < 200_000_000
        assert await gone(server)
        writer.close()


async def test_an_answer_that_is_not_read() -> None:
    async with serving() as (server, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n")
        writer.transport.pause_reading()
        assert await gone(server)
        writer.transport.abort()


async def test_an_answer_that_is_not_read_on_a_closing_connection() -> None:
    async with serving() as (server, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /big HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        writer.transport.pause_reading()
        assert await gone(server)
        writer.transport.abort()


async def test_others_are_served_meanwhile() -> None:
    async with serving(LONG) as (_, port):
        bad = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        for _, writer in bad:
            writer.write(b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"ok"), 60)
        for _, each in [*bad, (reader, writer)]:
            each.close()
