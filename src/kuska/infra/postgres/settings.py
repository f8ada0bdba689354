"""What an operator can set about the database. Filled from KUSKA_DATABASE_* by the composition root."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from annotated_types import Predicate

from kuska.infra.postgres.database import Limits


def is_address(url: str) -> bool:
    """Looks like one; whether somebody answers there shows at the start."""
    if not url:
        return True
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    hosts = parts.netloc.rpartition("@")[2].split(",")  # PostgreSQL takes several
    ports = [port for host in hosts for _, colon, port in [host.rpartition(":")] if colon and not port.endswith("]")]
    return parts.scheme in {"postgresql", "postgres"} and all(map(_is_port, ports))


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings(Limits):
    # An own PostgreSQL (15 or newer) or Citus, 'postgresql://user:password@host/database'. Empty: the embedded one. On
    # another machine it has to speak TLS unless the address says sslmode=disable; sslmode=verify-full checks who it is.
    url: Annotated[str, Predicate(is_address)] = field(default="", repr=False)
