"""Request bodies: received in pieces, never more than is allowed, never for longer than is allowed.

One budget for all bodies on their way in, so that many large senders together cannot take the memory either.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kuska.fhir.domain.call import Call
from kuska.fhir.routes.negotiation import UnsupportedMediaTypeError
from kuska.fhir.settings import FhirSettings
from kuska.kit.errors import BusyError, IncorrectError, Issue
from kuska.kit.json import Node, encode

Message = dict[str, Any]
_UNREAD = frozenset({"Binary", "Bundle"})
_CONTENT = re.compile(rb'"data"\s*:\s*"([A-Za-z0-9+/=]{1024,})"')
Receive = Callable[[], Awaitable[Any]]


class TooLargeError(IncorrectError):
    status = 413

    def __init__(self, limit: int) -> None:
        params = {"limit": f"{limit / 1048576:.6g} MiB"}
        super().__init__(Issue(code="too-long", message="interaction.body-too-large", params=params))


class TooSlowError(IncorrectError):
    status = 408


class DisconnectedError(Exception):
    """The client went away: there is nobody to answer."""


class Bodies:
    def __init__(self, settings: FhirSettings) -> None:
        self._settings = settings
        self._held = 0

    async def read(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        limit = self._settings.max_body_bytes
        length = headers.get(b"content-length")
        if length is not None and int(length) > limit:
            raise TooLargeError(limit)
        raw = await self._received(receive, limit)
        encoding = headers.get(b"content-encoding", b"identity").strip().lower()
        # In a thread: a little that is packed can be much, and unpacking it lets others work.
        return raw if encoding == b"identity" else await asyncio.to_thread(_decompressed, raw, encoding, limit)

    async def _received(self, receive: Receive, limit: int) -> bytes:
        first = _piece(await receive(), limit, limit)
        if not first[1]:
            return first[0]  # the usual case: small, in one piece, no timer (the server's own limit covers the wait)
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                return await self._rest(first[0], receive, limit)
        except TimeoutError:
            params = {"seconds": f"{self._settings.body_seconds:g}"}
            raise TooSlowError(Issue(code="timeout", message="interaction.body-too-slow", params=params)) from None

    async def _rest(self, first: bytes, receive: Receive, limit: int) -> bytes:
        chunks = [first]
        size = len(first)
        self._held += size
        more = True
        try:
            while more:
                chunk, more = _piece(await receive(), limit - size, limit)
                size += len(chunk)
                self._held += len(chunk)
                chunks.append(chunk)
                if self._held > self._settings.max_bodies_bytes:
                    raise BusyError(Issue(code="throttled", message="interaction.too-many-bodies"))
            return b"".join(chunks)
        finally:
            self._held -= size


def refuse_large(call: Call, body: bytes, limit: int) -> None:
    """Of one resource or patch, before anything is decoded."""
    if len(body) > limit and call.type not in _UNREAD and _looked_into(body) > limit:
        raise TooLargeError(limit)


def refuse_large_entries(call: Call, limit: int) -> None:
    """Of a bundle: it may be as large as a body may, but not any of its resources larger than one by itself."""
    entries: Any = (call.node or {}).get("entry")
    for entry in entries if isinstance(entries, list) else ():  # pyright: ignore[reportUnknownVariableType]
        resource: Any = entry.get("resource") if isinstance(entry, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        if isinstance(resource, dict) and _type(resource) not in _UNREAD and _looked_into(encode(resource)) > limit:
            raise TooLargeError(limit)


def _looked_into(body: bytes) -> int:
    """Bytes without the contents of attachments: those are one value each, whose form is all that is checked."""
    return len(body) - sum(len(found) for found in _CONTENT.findall(body))


def _type(resource: Node) -> object:
    return resource.get("resourceType")


def _piece(message: Message, left: int, limit: int) -> tuple[bytes, bool]:
    """The bytes of one message, and whether more will come."""
    if message["type"] == "http.disconnect":
        raise DisconnectedError
    chunk: bytes = message.get("body", b"")
    if len(chunk) > left:
        raise TooLargeError(limit)
    return chunk, message.get("more_body", False)


def _decompressed(raw: bytes, encoding: bytes, limit: int) -> bytes:
    """Gzip only; stops at the limit, so a small bomb stays small."""
    if encoding not in (b"gzip", b"x-gzip"):
        params = {"value": encoding.decode("latin-1")[:40], "allowed": "gzip"}
        raise UnsupportedMediaTypeError(
            Issue(code="not-supported", message="interaction.content-encoding", params=params)
        )
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(raw, limit + 1)
    except zlib.error:
        raise IncorrectError(Issue(code="structure", message="interaction.bad-gzip")) from None
    if len(unpacked) > limit:
        raise TooLargeError(limit)
    if not unpacker.eof:
        raise IncorrectError(Issue(code="structure", message="interaction.bad-gzip"))
    return unpacked
