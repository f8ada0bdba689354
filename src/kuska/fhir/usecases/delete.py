"""delete: the resource is gone from reads and searches; its history stays. https://hl7.org/fhir/R4/http.html#delete

References to it are not checked: what refers to it goes on doing so (docs/contexts/fhir.md says why).
"""

from __future__ import annotations

from kuska.fhir.domain.call import Call
from kuska.fhir.store.records import Change
from kuska.fhir.usecases.preconditions import write_alone
from kuska.fhir.usecases.record import Answer, Record


async def perform(record: Record, call: Call) -> Answer:
    """Deleting what is not there succeeds, too: the client wanted it gone."""
    done = await write_alone(record, Change("delete", call.type, call.id, None, call.if_match))
    return Answer(204, b"", done.stored.version, done.stored.updated)
