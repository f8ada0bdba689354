"""Conditions on what is there before a write. https://hl7.org/fhir/R4/http.html#concurrency"""

from __future__ import annotations

from dataclasses import replace

from kuska.fhir.domain.call import Call
from kuska.fhir.domain.http import ANY_VERSION
from kuska.fhir.errors import VersionConflictError
from kuska.fhir.store.records import Change, Written
from kuska.fhir.usecases.record import Record
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.errors import ContentionError
from kuska.kit.errors import ConflictError, IncorrectError, Issue


class PreconditionError(ConflictError):
    status = 412


def wants_new(call: Call) -> None:
    """For a write, If-None-Match means only `*`: 'unless it exists'."""
    if call.if_none_match.strip() != "*":
        params = {"header": "If-None-Match", "value": call.if_none_match[:80]}
        raise IncorrectError(Issue(code="value", message="interaction.etag-unreadable", params=params))


async def settled(record: Record, tx: Write, change: Change) -> Change:
    """`If-Match: *` ('if it exists') as the version that exists. https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1

    What the caller may not change is answered like what is not there.
    """
    if change.expected != ANY_VERSION or change.id is None:
        return change
    stored = await record.records.read(tx, change.type, change.id, "d" if change.kind == "delete" else "u")
    if stored is None or stored.deleted:
        params = {"type": change.type, "id": change.id}
        raise PreconditionError(Issue(code="conflict", message="interaction.not-there", params=params))
    return replace(change, expected=stored.version)


async def write(record: Record, tx: Write, change: Change) -> Written:
    """One change that may have to exist. Where somebody else writes meanwhile, all is repeated."""
    try:
        [done] = await record.records.write(tx, [await settled(record, tx, change)])
    except VersionConflictError as error:
        if change.expected == ANY_VERSION:
            raise ContentionError(*error.issues) from error
        raise
    return done


async def write_alone(record: Record, change: Change) -> Written:
    """The same as all of a request: in one round trip unless it has to exist."""
    if change.expected == ANY_VERSION:
        return await record.transaction(lambda tx: write(record, tx, change))
    [done] = await record.write([change])
    return done


def must_be_new(done: Written) -> None:
    if done.state not in ("created", "revived"):
        params = {"type": done.stored.type, "id": done.stored.id}
        raise PreconditionError(Issue(code="conflict", message="interaction.exists-already", params=params))


def must_be_free(done: Written) -> None:
    """A conditional update that matches nothing creates; the id in its body must not be somebody else's."""
    if done.state not in ("created", "revived"):
        params = {"type": done.stored.type, "id": done.stored.id}
        raise PreconditionError(Issue(code="duplicate", message="interaction.id-of-another", params=params))


def several(type_: str, criteria: str, place: str = "") -> PreconditionError:
    """A condition that should name one resource names several: nothing is done."""
    params = {"type": type_, "criteria": shown(criteria)}
    return PreconditionError(
        Issue(code="multiple-matches", message="interaction.several-matches", params=params, expression=place)
    )


def shown(criteria: str) -> str:
    """Names of the parameters only: the values may identify a person."""
    return ", ".join(dict.fromkeys(part.partition("=")[0][:64] for part in criteria.split("&") if part))
