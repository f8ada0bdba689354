"""uvicorn's HTTP protocol with time limits on the socket, so that no client can hold anything for long.

    sends its headers slowly, or without end   cut off, or 431
    sends its body slowly                      cut off after body_seconds (the FHIR application answers 408 before)
    sends a body that nobody wants             the answer goes out, the rest is dropped, then the connection is cut
    does not read the answer                   cut off after send_seconds, and its memory is free again

Limits are counted on the socket, below every application. On the usual request (headers in one piece, small body, read
answer) this costs two attribute checks and no timer.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from kuska.infra.web.settings import HttpSettings

_LINGER_SECONDS = 2.0
_LINGER_BYTES = 8 * 1024 * 1024


class Joined(asyncio.Transport):
    """Holds an answer's head until its body comes: one system call, and the client is woken once.

    Measured on reads by 16 clients: a call that wakes a sleeping process is a quarter of a request's processor time.
    The protocol says when a head is next; whatever is held goes out before anything else does.
    """

    def __init__(self, inner: asyncio.Transport) -> None:
        super().__init__()
        self._inner = inner
        self._held = b""
        self.head_is_next = False
        # Asked at every request: no detour.
        self.is_closing = inner.is_closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._inner.write(held + data)
        elif self.head_is_next and data[:12] != b"HTTP/1.1 100":
            self.head_is_next = False
            self._held = bytes(data)
        else:
            self._inner.write(data)

    def flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._inner.write(held)

    def close(self) -> None:
        self.flush()
        self._inner.close()

    def write_eof(self) -> None:
        self.flush()
        self._inner.write_eof()

    def abort(self) -> None:
        self._inner.abort()

    def can_write_eof(self) -> bool:
        return self._inner.can_write_eof()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._inner.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()


class GuardedProtocol(HttpToolsProtocol):
    # One for the process, set by the composition root before the first connection.
    limits: ClassVar[HttpSettings] = HttpSettings()

    _in_head = False
    _in_body = False
    _head_bytes = 0
    _lingering = False
    _dropped = 0
    _arriving: asyncio.TimerHandle | None = None  # the request, head or body, must be here by then
    _leaving: asyncio.TimerHandle | None = None  # what was sent must have been read by then

    # --- arriving ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._joined = Joined(transport)
        self.transport: asyncio.Transport = self._joined
        self._expect(self.limits.head_seconds)

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            self._drop(len(data))
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.max_head_bytes:
                self._refuse_head()
            elif self._arriving is None:
                self._expect(self.limits.head_seconds)
        elif self._in_body and self._arriving is None:
            self._expect(self.limits.body_seconds)

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._arrived()
        self._in_head = False
        self._in_body = True
        self._joined.head_is_next = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._arrived()
        self._in_body = False
        super().on_message_complete()

    def _expect(self, seconds: float) -> None:
        self._arriving = self.loop.call_later(seconds, self._abort)

    def _arrived(self) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None

    def _refuse_head(self) -> None:
        self._in_head = False
        self.transport.write(STATUS_LINE[431] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self._close_soon()

    # --- leaving -----------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._leaving_by(self.limits.send_seconds)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._left()

    def on_response_complete(self) -> None:
        self._joined.flush()  # an answer without a body
        super().on_response_complete()
        if self.transport.is_closing():
            # Closing waits for the client to read; not for ever.
            self._leaving_by(self.limits.send_seconds)
        elif self._in_body:
            self._linger()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._leaving_by(self.limits.send_seconds)

    def shutdown(self) -> None:
        super().shutdown()
        self._leaving_by(self.limits.shutdown_seconds)

    def _linger(self) -> None:
        """Answered before the body was here: closing at once would destroy the answer on its way."""
        self._lingering = True
        self._arrived()
        self._unset_keepalive_if_required()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._leaving_by(_LINGER_SECONDS)

    def _drop(self, count: int) -> None:
        self._dropped += count
        if self._dropped > _LINGER_BYTES:
            self._abort()

    def _close_soon(self) -> None:
        self._lingering = True
        self._arrived()
        self.transport.close()
        self._leaving_by(_LINGER_SECONDS)

    def _leaving_by(self, seconds: float) -> None:
        if self._leaving is None:
            self._leaving = self.loop.call_later(seconds, self._abort)

    def _left(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    # --- the end -----------------------------------------------------------------------------------------------

    def _abort(self) -> None:
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        self._left()
        super().connection_lost(exc)
        self._left()
