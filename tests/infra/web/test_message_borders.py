"""Where one request ends and the next begins is never a matter of opinion (request smuggling)."""

from __future__ import annotations

import asyncio

import pytest
from tests.infra.web.test_protocol import read_to_end, serving

pytestmark = pytest.mark.requirement("AP-10")

_HIDDEN = b"GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 0\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        b"content-length: 5\r\ncontent-length: 0\r\n",
        b"content-length: +0\r\n",
        b"transfer-encoding: identity, chunked, x\r\n",
        b"transfer-encoding : chunked\r\n",
        b"content-length: 0\r\n x: folded\r\n",
        b"content-length: 0\nx: y\r\n\r\n",
    ],
)
async def test_what_can_be_read_in_two_ways_is_refused(head: bytes) -> None:
    async with serving() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /read HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n0\r\n\r\n" + _HIDDEN)
        answer = await read_to_end(reader)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1
