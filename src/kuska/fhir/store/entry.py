"""What is to be written, as the caller says it and as the database will take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kuska.fhir.domain.identity import Address
from kuska.fhir.domain.indexing.rows import IndexRows
from kuska.kit.json import Node
from kuska.security.contracts import Event, Trail

Kind = Literal["create", "put", "delete"]


@dataclass(frozen=True, slots=True)
class Change:
    """What shall be done to one resource.

    `create`: `id` from `mint`, or None to have one minted. `put`: update, or create with this id. `delete`: no node.
    `expected`: the version that must be current (If-Match), else VersionConflictError.
    `asked`: the condition that led to it, as it was sent, for the trail.
    """

    kind: Kind
    type: str
    id: str | None = None
    node: Node | None = None
    expected: int | None = None
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    place: int
    change: Change
    id: str
    address: Address
    bucket: int  # where it shall live
    tail: bytes
    packed: bytes
    rows: IndexRows
    line: Line | None  # None: nobody wants to know


@dataclass(frozen=True, slots=True)
class Line:
    """What the trail shall say of a write, in its own statement."""

    trail: Trail
    event: Event
