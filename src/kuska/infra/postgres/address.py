"""Where the database is, and that nobody reads along on the way there."""

from __future__ import annotations

import ipaddress
from urllib.parse import parse_qs, urlsplit, urlunsplit


def guarded(url: str) -> str:
    """The same address, with TLS required when it leads to another machine and does not say otherwise itself.

    Without this the driver takes TLS when the server offers it and goes on readable when it does not, so whoever sits
    between could talk both out of it. `sslmode=verify-full` in the address also checks the server's certificate;
    `sslmode=disable` is for a network that is protected in another way.
    """
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    if "sslmode" in asked or "ssl" in asked or all(map(_is_here, _hosts(parts.netloc, asked))):
        return url
    return urlunsplit(parts._replace(query="&".join(part for part in (parts.query, "sslmode=require") if part)))


def _hosts(netloc: str, asked: dict[str, list[str]]) -> list[str]:
    named = ",".join(asked.get("host", ())) or netloc.rpartition("@")[2]
    return [_without_port(host) for host in named.split(",")]


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def _is_here(host: str) -> bool:
    """A socket file, or an address that leaves no machine."""
    if not host or host.startswith("/") or host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().startswith("%2f")
