"""Is this change the caller's to make? For those whose rights depend on the resource, decided in the transaction that
writes, on what is there (its row locked) and on what shall be there.

* What the caller may not see is not there: deleting it is answered like deleting nothing.
* Nobody but who may create everything chooses ids: an answer would tell whether the id is taken.
* A resource cannot be moved out of the caller's reach nor into it: both contents have to be within.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kuska.fhir.domain.sight import Sight
from kuska.fhir.errors import missing
from kuska.fhir.store.entry import Change
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.errors import ContentionError
from kuska.kit.errors import Issue
from kuska.kit.json import Node
from kuska.security.contracts import Letter
from kuska.security.errors import RefusedByPolicyError


@dataclass(frozen=True, slots=True)
class Standing:
    """A resource as it stands: its content, or its last one if it has been deleted. b'' when there never was any."""

    version: int
    body: bytes


class Shelf(Protocol):
    async def standing(self, tx: Write, type_: str, id_: str) -> Standing | None:
        """The row stays locked to the end of the transaction."""
        ...


def unquestioned(sight: Sight, change: Change) -> bool:
    """May the caller do this whatever the resource is? Raises where the caller may do it with none of the type."""
    match change.kind:
        case "create":
            sight.require(change.type, "c")
            return sight.free(change.type, "c")
        case "put":
            if not sight.allows(change.type, "u"):
                sight.require(change.type, "c")
            return sight.free(change.type, "u") and sight.free(change.type, "c")
        case "delete":
            sight.require(change.type, "d")
            return sight.free(change.type, "d")


async def permitted(tx: Write, shelf: Shelf, sight: Sight, change: Change) -> Standing | None:
    """What stands there now. Raises RefusedByPolicyError, or NotFoundError for what the caller cannot see."""
    node, id_ = change.node, change.id
    if node is None or id_ is None or change.kind == "create":
        if node is not None:
            _must(sight, change.type, "c", id_, node)
            return None
        id_ = id_ or ""
    standing = await shelf.standing(tx, change.type, id_)
    if node is None:
        return _deletable(sight, change.type, id_, standing)
    if standing is None:
        if not sight.free(change.type, "c"):
            raise RefusedByPolicyError
        return None
    sight.require(change.type, "u")
    if not sight.sees(change.type, "u", id_, standing.body):
        raise RefusedByPolicyError
    _must(sight, change.type, "u", id_, node)
    return standing


def _deletable(sight: Sight, type_: str, id_: str, standing: Standing | None) -> Standing | None:
    if sight.free(type_, "d"):
        return standing
    if standing is None:
        raise missing(type_, id_)
    if sight.sees(type_, "d", id_, standing.body):
        return standing
    if sight.allows(type_, "r") and sight.sees(type_, "r", id_, standing.body):
        raise RefusedByPolicyError
    raise missing(type_, id_)


def _must(sight: Sight, type_: str, letter: Letter, id_: str | None, node: Node) -> None:
    if not sight.judges(type_, letter, id_, node):
        raise RefusedByPolicyError


def undisturbed(standing: Standing | None, *, created: bool) -> None:
    """After the write: what was decided on is what was written to."""
    if standing is None and not created:
        raise ContentionError(Issue(code="transient", message="store.created-meanwhile"))
