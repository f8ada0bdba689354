"""patch: some elements of a resource changed. https://hl7.org/fhir/R4/http.html#patch

The patch is applied to the version that was read and written only if that is still current; when another write came
between, the transaction is repeated and the patch applied anew to what that one left (without If-Match; with it the
client hears of the conflict).
"""

from __future__ import annotations

from typing import cast

from kuska.fhir.domain.call import Call, Node
from kuska.fhir.domain.http import ANY_VERSION
from kuska.fhir.domain.patch import apply_fhirpath_patch, apply_json_patch
from kuska.fhir.domain.patch.errors import PatchError
from kuska.fhir.errors import VersionConflictError
from kuska.fhir.store.locks import lock
from kuska.fhir.store.records import Change, Stored
from kuska.fhir.usecases import criteria
from kuska.fhir.usecases.answers import GoneError, missing, written
from kuska.fhir.usecases.checking import checked
from kuska.fhir.usecases.record import Answer, Record
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.errors import ContentionError
from kuska.kit.errors import IncorrectError, Issue
from kuska.kit.json import decode


async def perform(record: Record, call: Call) -> Answer:
    async def work(tx: Write) -> Answer:
        await lock(tx, [key(call)])
        stored = await readable(record, tx, call.type, call.id)
        change, issues = patched(call, stored)
        return await write(record, tx, change, issues, call)

    return await record.transaction(work)


async def write(record: Record, tx: Write, change: Change, issues: tuple[Issue, ...], call: Call) -> Answer:
    """Of the version that was patched; when it is not the current one any more, all is repeated."""
    try:
        [done] = await record.records.write(tx, [change])
    except VersionConflictError as error:
        if call.if_match not in (None, ANY_VERSION):
            raise
        raise ContentionError(*error.issues) from error
    return written(done, issues)


async def readable(record: Record, tx: Write, type_: str, id_: str) -> Stored | None:
    """A patch tells what was there, by its tests and by its answer: it is for those who may read it, too."""
    record.sight.require(type_, "r")
    stored = await record.records.read(tx, type_, id_, "u")
    if stored is None or stored.deleted or record.sight.sees(type_, "r", id_, stored.body):
        return stored
    return None


def key(call: Call) -> int:
    """Patches of one resource come one behind the other, so that they need no repeats because of each other."""
    return criteria.key(f"patch {call.type}/{call.id}")


def patched(call: Call, stored: Stored | None) -> tuple[Change, tuple[Issue, ...]]:
    """The change that the patch makes of this version."""
    if stored is None:
        raise missing(call.type, call.id)
    if stored.deleted:
        raise GoneError(stored)
    if call.if_match not in (None, ANY_VERSION, stored.version):
        raise VersionConflictError(0)
    node = apply(call.patch, decode(stored.body))
    if node.get("resourceType") != call.type or node.get("id") != call.id:
        raise IncorrectError(Issue(code="business-rule", message="interaction.patch-identity"))
    return Change("put", call.type, call.id, node, stored.version, call.query), checked(node)


def apply(patch: object, node: Node) -> Node:
    try:
        if isinstance(patch, list):
            return apply_json_patch(node, cast("list[Node]", patch))
        if isinstance(patch, dict):
            return apply_fhirpath_patch(node, cast("Node", patch))
    except PatchError as error:
        error.status = 422  # understood, but it does not fit this resource (RFC 5789 §2.2)
        raise
    raise IncorrectError(Issue(code="structure", message="interaction.patch-shape"))
