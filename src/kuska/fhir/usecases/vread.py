"""vread: one named version. https://hl7.org/fhir/R4/http.html#vread"""

from __future__ import annotations

from kuska.fhir.domain.call import Call
from kuska.fhir.usecases.answers import GoneError, missing, shown
from kuska.fhir.usecases.part import cut
from kuska.fhir.usecases.record import Answer, Record


async def perform(record: Record, call: Call) -> Answer:
    version = call.version
    # What is no number of ours names no version; int() would take '１' or '1_0' for one.
    if not (version.isascii() and version.isdecimal() and len(version) < 10):
        raise missing(call.type, f"{call.id}/_history/{version[:64]}")
    async with record.db.read() as conn:
        stored = await record.records.read_version(conn, call.type, call.id, int(version))
    if stored is None:
        raise missing(call.type, f"{call.id}/_history/{version}")
    if stored.deleted:
        raise GoneError(stored)
    answer = shown(stored, call)
    return cut(record, call, answer) if call.query else answer
