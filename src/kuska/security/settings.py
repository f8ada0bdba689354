"""What an operator can set about security. Filled from KUSKA_SECURITY_* by the composition root.

(KUSKA_SECURITY itself, on or off, belongs to the process.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Predicate

from kuska.kit.bounds import Count


def is_origin(url: str) -> bool:
    return not url or (url.startswith(("http://", "https://")) and not url.endswith("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySettings:
    # Address of this server as people and clients see it, without a path: 'https://record.example.org'. It is the
    # issuer of tokens and the origin of passkeys. Empty: http://localhost with the port it listens on.
    public_url: Annotated[str, Predicate(is_origin)] = ""
    # Name of the organisation whose record this is; a token of another tenant opens nothing. The first start writes it
    # into the database, later starts must have the same.
    tenant: str = "demo"
    # Country (ISO 3166, two letters) in which the record lies; decides retention and residency.
    country: str = "PE"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    # Requests a second that one client or person may make of one process, in the long run; more is answered 429.
    requests_per_second: Count = 2_000
    # Requests that may come at once before the rate counts.
    requests_burst: Count = 10_000
    # Failed attempts (no good token, no good session) a minute from one address; more is answered 429.
    failures_per_minute: Count = 60
    # Failed attempts that may come at once.
    failures_burst: Count = 60
