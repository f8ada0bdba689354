"""What an operator can set about outgoing calls. Filled from KUSKA_OUTGOING_* by the composition root."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Predicate

from kuska.kit.bounds import Bytes, Seconds


def is_proxy(url: str) -> bool:
    return not url or url.startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingSettings:
    # Hosts ('keycloak.hospital.local', with ':8443' for one port only), separated by commas, that may be called although
    # they have a private address or speak plain http. All others must be public and speak https.
    allowed_hosts: tuple[str, ...] = ()
    # Seconds to find the address and connect.
    connect_seconds: Seconds = 5.0
    # Seconds for the whole call, to the last byte of the answer.
    total_seconds: Seconds = 15.0
    # Bytes of an answer; a longer one is given up.
    max_response_bytes: Bytes = 1_048_576
    # File with certificates (PEM) of own authorities, trusted besides the public ones.
    ca_file: str = ""
    # Proxy for all outgoing calls, 'http://proxy:3128'. It finds the addresses then and must keep calls to the inside
    # out itself. The variables HTTP_PROXY and the like are ignored.
    proxy: Annotated[str, Predicate(is_proxy)] = field(default="", repr=False)
