"""What an operator can set about the HTTP server. Filled from KUSKA_HTTP_* by the composition root."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Predicate

from kuska.kit.bounds import Bytes, Count, Seconds


def are_networks(given: Sequence[str]) -> bool:
    try:
        return all(ipaddress.ip_network(one, strict=False).prefixlen > 0 for one in given)
    except ValueError:
        return False


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
    # Certificate (PEM, with its chain) for https; empty: plain http, which is only for this machine or behind a proxy. A
    # renewed file is taken up within seconds, without a restart.
    tls_certificate: str = ""
    # Its private key (PEM, without a passphrase).
    tls_key: str = ""
    # Authority (PEM) whose certificates clients show (mutual TLS). A changed file adds to what is trusted; taking trust
    # away needs a restart.
    tls_client_ca: str = ""
    # With tls_client_ca: whether every client must show a certificate, or may (while certificates are being given out; who
    # shows none comes in all the same). It opens the connection only; tokens and sessions are asked for as ever.
    tls_clients: Literal["required", "optional"] = "required"
    # Addresses or networks ('10.0.0.5', '10.1.0.0/16') of the proxies in front that do TLS. Their X-Forwarded-For and
    # X-Forwarded-Proto are believed, nobody else's. Without this, and without a certificate, only a loopback address is
    # listened on.
    behind_proxy: Annotated[tuple[str, ...], Predicate(are_networks)] = ()
