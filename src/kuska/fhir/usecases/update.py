"""update: a new version, or the first one of an id that the client chose. https://hl7.org/fhir/R4/http.html#update"""

from __future__ import annotations

from kuska.fhir.domain.call import Call
from kuska.fhir.store.records import Change
from kuska.fhir.usecases.answers import written
from kuska.fhir.usecases.checking import body_of, checked, same_id
from kuska.fhir.usecases.preconditions import must_be_new, wants_new, write_alone
from kuska.fhir.usecases.record import Answer, Record
from kuska.infra.postgres.connection import Write


async def perform(record: Record, call: Call) -> Answer:
    """An unchanged body makes no new version. With If-Match a lost update is impossible; without, the last one wins."""
    node = body_of(call)
    same_id(call, node)
    issues = checked(node)
    change = Change("put", call.type, call.id, node, call.if_match)
    if not call.if_none_match:
        return written(await write_alone(record, change), issues)
    wants_new(call)

    async def work(tx: Write) -> Answer:
        [done] = await record.records.write(tx, [change])
        must_be_new(done)  # else the transaction is undone
        return written(done, issues)

    return await record.transaction(work)
