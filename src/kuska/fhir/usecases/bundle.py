"""A bundle posted to the base: batch or transaction. https://hl7.org/fhir/R4/http.html#transaction"""

from __future__ import annotations

from kuska.fhir.domain import bundle as bundles
from kuska.fhir.domain.bundle import Context
from kuska.fhir.domain.call import Call
from kuska.fhir.domain.fhirpath.allowance import together
from kuska.fhir.usecases import batch, transaction
from kuska.fhir.usecases.record import Answer, Record
from kuska.kit.errors import IncorrectError, Issue


async def perform(record: Record, call: Call) -> Answer:
    node = call.node
    if node is None:
        raise IncorrectError(Issue(code="required", message="interaction.no-body"))
    kind = bundles.kind(node)
    entries = bundles.entry_nodes(node)
    limit = record.settings.max_bundle_entries
    if len(entries) > limit:
        params = {"count": len(entries), "limit": limit}
        raise IncorrectError(Issue(code="too-costly", message="interaction.bundle-too-long", params=params))
    context = Context(record.definitions.type_numbers, call.base, call.issuer, call.lang, call.prefer)
    with together():
        if kind == "batch":
            return await batch.perform(record, entries, context)
        return await transaction.perform(record, node, entries, context)
