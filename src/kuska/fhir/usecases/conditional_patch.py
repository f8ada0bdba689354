"""conditional patch: of the one that a search finds. https://hl7.org/fhir/R4/http.html#patch

Search, patch and write are one transaction behind the lock on the condition: of several who take the same requested
task at once, the first one does, and the others find that it is requested no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kuska.fhir.domain.call import Call
from kuska.fhir.domain.search.request import Hit
from kuska.fhir.store.records import Change
from kuska.fhir.usecases import patch
from kuska.fhir.usecases.criteria import Criterion, match, matches, parse
from kuska.fhir.usecases.preconditions import shown
from kuska.fhir.usecases.record import Answer, Record
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.errors import ContentionError
from kuska.kit.errors import Issue, NotFoundError


async def perform(record: Record, call: Call) -> Answer:
    criteria = parse(call.query)

    async def work(tx: Write) -> Answer:
        found = await match(record, tx, call.type, criteria, call.query)
        if found is None:
            raise nothing(call)
        change, issues = await patched_match(record, tx, call, criteria, found)
        return await patch.write(record, tx, change, issues, call)

    return await record.transaction(work)


async def patched_match(
    record: Record, tx: Write, call: Call, criteria: Sequence[Criterion], hit: Hit
) -> tuple[Change, tuple[Issue, ...]]:
    """The change that the patch makes of a version that meets the condition.

    Writers who ask for nothing do not wait for the lock, and may come between the search and the read. So the condition
    is asked of this resource once more: as what is written replaces this version only, the answer is true of it.
    """
    stored = await patch.readable(record, tx, call.type, hit.id)
    if not await matches(record, tx, call.type, (*criteria, ("_id", hit.id)), 1):
        raise ContentionError(Issue(code="lock-error", message="database.contention"))
    return patch.patched(replace(call, id=hit.id), stored)


def nothing(call: Call) -> NotFoundError:
    params = {"type": call.type, "criteria": shown(call.query)}
    return NotFoundError(Issue(code="not-found", message="interaction.no-match", params=params))
