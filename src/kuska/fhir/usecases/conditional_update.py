"""conditional update: of the one that a search finds, or a new one. https://hl7.org/fhir/R4/http.html#cond-update"""

from __future__ import annotations

from kuska.fhir.domain.call import Call, Node, usable_id
from kuska.fhir.domain.search.request import Hit
from kuska.fhir.errors import VersionConflictError
from kuska.fhir.store.records import Change
from kuska.fhir.usecases.answers import written
from kuska.fhir.usecases.checking import body_of, checked
from kuska.fhir.usecases.criteria import lock_criteria, matches, parse
from kuska.fhir.usecases.preconditions import must_be_free, must_be_new, several, wants_new, write
from kuska.fhir.usecases.record import Answer, Record
from kuska.infra.postgres.connection import Write
from kuska.kit.errors import IncorrectError, Issue


async def perform(record: Record, call: Call) -> Answer:
    node = body_of(call)
    issues = checked(node)
    criteria = parse(call.query)
    if call.if_none_match:
        wants_new(call)

    async def work(tx: Write) -> Answer:
        await lock_criteria(tx, call.type, criteria, node)
        hits = await matches(record, tx, call.type, criteria)
        done = await write(record, tx, change_for(call, node, hits))
        if call.if_none_match:
            must_be_new(done)
        elif not hits:
            must_be_free(done)
        return written(done, issues)

    return await record.transaction(work)


def change_for(call: Call, node: Node, hits: list[Hit]) -> Change:
    """The table of cases in the specification: none, one, many matches; with or without an id in the body.

    After a put that had no match, `must_be_free`: an id that is there belongs to a resource that was not asked for.
    """
    given = node.get("id")
    if len(hits) > 1:
        raise several(call.type, call.query)
    if not hits:
        if call.if_match is not None:  # of nothing there is no version
            raise VersionConflictError(0)
        if isinstance(given, str):
            return Change("put", call.type, usable_id(given), node, asked=call.query)
        return Change("create", call.type, None, node, asked=call.query)
    if given is not None and given != hits[0].id:
        params = {"found": str(given)[:64], "id": hits[0].id}
        raise IncorrectError(Issue(code="value", message="interaction.id-differs", params=params))
    return Change("put", call.type, hits[0].id, node, call.if_match, call.query)
