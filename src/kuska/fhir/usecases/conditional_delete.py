"""conditional delete: of the one that a search finds; of several, none. https://hl7.org/fhir/R4/http.html#3.1.0.7.1

The specification leaves it to the server whether several matches are all deleted; here a condition names one resource
(412 otherwise), because a misspelt condition must not empty a record.
"""

from __future__ import annotations

from kuska.fhir.domain.call import Call
from kuska.fhir.store.records import Change
from kuska.fhir.usecases.criteria import match, parse
from kuska.fhir.usecases.preconditions import write
from kuska.fhir.usecases.record import Answer, Record
from kuska.infra.postgres.connection import Write


async def perform(record: Record, call: Call) -> Answer:
    criteria = parse(call.query)

    async def work(tx: Write) -> Answer:
        found = await match(record, tx, call.type, criteria, call.query)
        if found is None:
            return Answer(204)
        change = Change("delete", call.type, found.id, None, call.if_match, call.query)
        done = await write(record, tx, change)
        return Answer(204, b"", done.stored.version, done.stored.updated)

    return await record.transaction(work)
