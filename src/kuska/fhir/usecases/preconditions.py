"""Conditions on what is there before a write. https://hl7.org/fhir/R4/http.html#concurrency"""

from __future__ import annotations

from kuska.fhir.domain.call import Call
from kuska.fhir.store.records import Written
from kuska.kit.errors import ConflictError, IncorrectError, Issue


class PreconditionError(ConflictError):
    status = 412


def wants_new(call: Call) -> None:
    """For a write, If-None-Match means only `*`: 'unless it exists'."""
    if call.if_none_match.strip() != "*":
        params = {"header": "If-None-Match", "value": call.if_none_match[:80]}
        raise IncorrectError(Issue(code="value", message="interaction.etag-unreadable", params=params))


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
