"""What an operator can set about the HTTP server. Filled from KUSKA_HTTP_* by the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from kuska.kit.bounds import Bytes, Count, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    # Seconds from a request's first byte to the end of its headers; a client that is slower is cut off.
    head_seconds: Seconds = 10.0
    # Bytes of request line and headers together; more is answered with 431.
    max_head_bytes: Bytes = 65_536
    # Seconds from the end of the headers to the end of the body, whatever reads it.
    body_seconds: Seconds = 90.0
    # Seconds a client may leave unread what we have sent before the connection is cut.
    send_seconds: Seconds = 60.0
    # Seconds a connection may stay open between two requests.
    idle_seconds: Seconds = 75.0
    # Open connections of one process; above it 503.
    max_connections: Count = 2048
    # Seconds that running requests get to end when the process is told to stop.
    shutdown_seconds: Seconds = 20.0
