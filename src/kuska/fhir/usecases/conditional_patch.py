"""conditional patch: of the one that a search finds. https://hl7.org/fhir/R4/http.html#patch"""

from __future__ import annotations

from dataclasses import replace

from kuska.fhir.domain.call import Call
from kuska.fhir.usecases import patch
from kuska.fhir.usecases.criteria import matches, parse
from kuska.fhir.usecases.preconditions import several, shown
from kuska.fhir.usecases.record import Answer, Record
from kuska.kit.errors import Issue, NotFoundError


async def perform(record: Record, call: Call) -> Answer:
    async with record.db.read() as conn:
        hits = await matches(record, conn, call.type, parse(call.query))
    if len(hits) > 1:
        raise several(call.type, call.query)
    if not hits:
        raise nothing(call)
    return await patch.perform(record, replace(call, id=hits[0].id))


def nothing(call: Call) -> NotFoundError:
    params = {"type": call.type, "criteria": shown(call.query)}
    return NotFoundError(Issue(code="not-found", message="interaction.no-match", params=params))
