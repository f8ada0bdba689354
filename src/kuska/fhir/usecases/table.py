"""Which use case answers which interaction. Bundles are not here: an entry cannot be a bundle of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from kuska.fhir.domain.call import Call
from kuska.fhir.usecases import (
    capabilities,
    conditional_create,
    conditional_delete,
    conditional_patch,
    conditional_update,
    create,
    delete,
    everything,
    history,
    patch,
    read,
    search,
    update,
    validate,
    vread,
)
from kuska.fhir.usecases.record import Answer, Record
from kuska.kit.errors import Issue, NotFoundError

UseCase = Callable[[Record, Call], Awaitable[Answer]]

# (operation, on what): system, type, instance
OPERATIONS: Mapping[tuple[str, str], UseCase] = {
    ("validate", "type"): validate.perform,
    ("validate", "instance"): validate.perform,
    ("everything", "Patient"): everything.perform,
    ("everything", "Encounter"): everything.perform,
}


async def operation(record: Record, call: Call) -> Answer:
    level = "instance" if call.id else "type" if call.type else "system"
    found = OPERATIONS.get((call.operation, level))
    if found is None and call.id:
        found = OPERATIONS.get((call.operation, call.type))
    if found is None:
        params = {"operation": call.operation[:64], "on": f"{call.type}/{call.id}".strip("/") or "/"}
        raise NotFoundError(Issue(code="not-supported", message="interaction.unknown-operation", params=params))
    return await found(record, call)


INTERACTIONS: Mapping[str, UseCase] = {
    "read": read.perform,
    "vread": vread.perform,
    "create": create.perform,
    "update": update.perform,
    "patch": patch.perform,
    "delete": delete.perform,
    "conditional-create": conditional_create.perform,
    "conditional-update": conditional_update.perform,
    "conditional-patch": conditional_patch.perform,
    "conditional-delete": conditional_delete.perform,
    "history-instance": history.instance,
    "history-type": history.types,
    "history-system": history.types,
    "search-type": search.perform,
    "search-system": search.perform,
    "search-compartment": search.perform,
    "operation": operation,
}

# What an entry of a bundle may ask for: what the record is, besides.
IN_BUNDLES: Mapping[str, UseCase] = {**INTERACTIONS, "capabilities": capabilities.perform}

# What each interaction asks of the caller for the type in its URL: any of these letters of SMART scopes v2. The store
# asks again for every resource it touches, and for types that are in no URL (searches over all types, the entries of
# bundles, what comes along); this is said first, before a body is read. `FOR_ALL`: for who has not come in, too.
FOR_ALL = "for all"
NEEDS: Mapping[str, str] = {
    "read": "r",
    "vread": "r",
    "create": "c",
    "update": "uc",
    "patch": "u",
    "delete": "d",
    "conditional-create": "c",
    "conditional-update": "uc",
    "conditional-patch": "u",
    "conditional-delete": "d",
    "history-instance": "r",
    "history-type": "s",
    "history-system": "s",
    "search-type": "s",
    "search-system": "s",
    "search-compartment": "s",
    "operation": "cruds",  # each says more: $everything is a read, $validate reads nothing but its own instance
    "bundle": "cruds",
    "capabilities": FOR_ALL,
    "openapi": FOR_ALL,
}

# What the trail calls it; writes have their own lines (create, update, delete).
ACTIONS: Mapping[str, Literal["C", "R", "U", "D", "E"]] = {
    "read": "R",
    "vread": "R",
    "history-instance": "R",
    "history-type": "R",
    "history-system": "R",
    "create": "C",
    "update": "U",
    "patch": "U",
    "delete": "D",
    "conditional-create": "C",
    "conditional-update": "U",
    "conditional-patch": "U",
    "conditional-delete": "D",
}

# Those that change nothing: they may run side by side, last in a bundle, and what they answer with is the answer.
READING = frozenset(
    {"read", "vread", "history-instance", "history-type", "history-system"}
    | {"search-type", "search-system", "search-compartment", "operation", "capabilities"}
)
