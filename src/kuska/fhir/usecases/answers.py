"""From what the store did to what the use cases answer."""

from __future__ import annotations

from kuska.fhir.domain.call import Call
from kuska.fhir.domain.http import none_match
from kuska.fhir.errors import missing
from kuska.fhir.store.records import Stored, Written
from kuska.fhir.usecases.record import Answer
from kuska.kit.errors import Issue, NotFoundError

__all__ = ["GoneError", "missing", "shown", "written"]


class GoneError(NotFoundError):
    """It was there and has been deleted. https://hl7.org/fhir/R4/http.html#read"""

    status = 410

    def __init__(self, stored: Stored) -> None:
        params = {"type": stored.type, "id": stored.id, "version": stored.version}
        super().__init__(Issue(code="deleted", message="interaction.gone", params=params))
        self.version = stored.version
        self.updated = stored.updated


def written(done: Written, issues: tuple[Issue, ...] = ()) -> Answer:
    stored = done.stored
    status = 201 if done.state in ("created", "revived") else 200
    location = f"{stored.type}/{stored.id}/_history/{stored.version}"
    return Answer(status, stored.body, stored.version, stored.updated, location, issues)


def shown(stored: Stored, call: Call) -> Answer:
    """One version of a resource, or 304 when the reader has it already."""
    if call.if_none_match:
        if none_match(call.if_none_match, stored.version):
            return Answer(304, b"", stored.version, stored.updated)
    elif call.if_modified_since is not None and stored.updated.replace(microsecond=0) <= call.if_modified_since:
        return Answer(304, b"", stored.version, stored.updated)
    return Answer(200, stored.body, stored.version, stored.updated)
