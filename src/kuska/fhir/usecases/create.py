"""create: a new resource with an id of this record. https://hl7.org/fhir/R4/http.html#create"""

from __future__ import annotations

from kuska.fhir.domain.call import Call
from kuska.fhir.store.records import Change
from kuska.fhir.usecases import conditional_create
from kuska.fhir.usecases.answers import written
from kuska.fhir.usecases.checking import body_of, checked
from kuska.fhir.usecases.record import Answer, Record


async def perform(record: Record, call: Call) -> Answer:
    """The id and version in the body are ignored: the record gives its own."""
    if call.if_none_exist:
        return await conditional_create.perform(record, call)
    node = body_of(call)
    issues = checked(node)
    [done] = await record.write([Change("create", call.type, None, node)])
    return written(done, issues)
