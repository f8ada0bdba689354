"""read: the current version. https://hl7.org/fhir/R4/http.html#read"""

from __future__ import annotations

from kuska.fhir.domain.call import Call
from kuska.fhir.usecases.answers import GoneError, missing, shown
from kuska.fhir.usecases.part import cut
from kuska.fhir.usecases.record import Answer, Record


async def perform(record: Record, call: Call) -> Answer:
    async with record.db.read() as conn:
        stored = await record.records.read(conn, call.type, call.id)
    if stored is None:
        raise missing(call.type, call.id)
    if stored.deleted:
        raise GoneError(stored)
    answer = shown(stored, call)
    return cut(record, call, answer) if call.query else answer
