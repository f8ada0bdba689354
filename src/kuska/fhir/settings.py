"""What an operator can set about the FHIR API. Filled from KUSKA_FHIR_* by the composition root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Predicate

from kuska.kit.bounds import Bytes, Count, Seconds


def is_base(url: str) -> bool:
    return not url or url.startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirSettings:
    # Address under which clients reach the base, e.g. 'https://record.example.org/fhir'. Empty: as each request says.
    # References with this address, or with the one the server listens on, are references to this record.
    base_url: Annotated[str, Predicate(is_base)] = ""
    # Time zone (IANA name) of dates, and of times without a zone, in resources and in searches: what a day is. The first
    # start writes it into the database, because the indexes depend on it; later starts must have the same.
    zone: str = "America/Lima"
    # Most bytes of a request body, after decompression, which is also the most of a bundle; above it 413 and the rest is
    # not read.
    max_body_bytes: Bytes = 32 * 1024 * 1024
    # Most bytes of one resource, alone or in a bundle; above it 413. Attachments in it (base64 in `data`) are not counted,
    # nor is a Binary, nor a Bundle that is kept as it is: these end at max_body_bytes.
    max_resource_bytes: Bytes = 2 * 1024 * 1024
    # Bytes of all bodies that are arriving in pieces, together, and of all large ones that wait for the process that does
    # them; above it 429, so that many large senders cannot take all memory.
    max_bodies_bytes: Bytes = 128 * 1024 * 1024
    # Bytes of a body above which its request is done in a process of its own, one after the other, so that it holds up
    # nobody else (docs/adr/0024-large-requests.md); bodies above max_resource_bytes, which are bundles, have another. Such
    # a process starts when it is needed and ends when it has had nothing to do for half a minute.
    large_bytes: Bytes = 256 * 1024
    # Seconds from a request's headers to the end of its body; a slower client is answered 408.
    body_seconds: Seconds = 60.0
    # Most entries of one batch or transaction.
    max_bundle_entries: Count = 20_000
    # Days for which a patient stays in the care of those who took part in an encounter or an appointment, or who
    # requested or performed a service, counted from its end.
    care_days: Count = 365
    # Days for which the outbox keeps what changed; older changes are removed, but none that a registered reader has still
    # to read.
    change_days: Count = 30
    # Entries of a history page when the client does not say how many.
    history_count: Count = 50
    # Most entries of a history page.
    max_history_count: Count = 1000
