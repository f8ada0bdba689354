"""conditional create: unless there is one already. https://hl7.org/fhir/R4/http.html#ccreate

Two parallel ones with the same criterion, or with a resource of the same identifier, make one resource: the second
waits for the first one's lock. Entirely different criteria that happen to mean one resource are not noticed.
"""

from __future__ import annotations

from kuska.fhir.domain.call import Call
from kuska.fhir.store.records import Change
from kuska.fhir.usecases.answers import written
from kuska.fhir.usecases.checking import body_of, checked
from kuska.fhir.usecases.criteria import if_none_exist, match
from kuska.fhir.usecases.record import Answer, Record
from kuska.infra.postgres.connection import Write
from kuska.security.api import RefusedByPolicyError


async def perform(record: Record, call: Call) -> Answer:
    node = body_of(call)
    issues = checked(node)
    criteria = if_none_exist(call)

    async def work(tx: Write) -> Answer:
        found = await match(record, tx, call.type, criteria, call.if_none_exist, node=node)
        if found is not None:
            return await existing(record, tx, call.type, found.id)
        [done] = await record.records.write(tx, [Change("create", call.type, None, node, asked=call.if_none_exist)])
        return written(done, issues)

    return await record.transaction(work)


async def existing(record: Record, tx: Write, type_: str, id_: str) -> Answer:
    """The one that is there already: 200, nothing written."""
    stored = await record.records.read(tx, type_, id_)
    if stored is None:  # the search has just found it; reading it may be narrower
        raise RefusedByPolicyError
    location = f"{type_}/{stored.id}/_history/{stored.version}"
    return Answer(200, stored.body, stored.version, stored.updated, location)
