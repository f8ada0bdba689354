"""Whose data deletions take away: the trail says it, and they do not. Asked for all of a statement at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from kuska.fhir.domain.sight import Sight
from kuska.fhir.store.entry import Entry, Line
from kuska.infra.postgres.connection import Read


class Shelf(Protocol):
    async def owners(
        self, conn: Read, places: Mapping[tuple[str, str], tuple[int, int]]
    ) -> dict[int, tuple[str, ...]]: ...


async def with_owners(conn: Read, shelf: Shelf, entries: Sequence[Entry], sight: Sight) -> Sequence[Entry]:
    """The entries, lines of deletions with the patients. Those whose right was judged have them already."""
    unknown = [entry for entry in entries if _asks(entry) and sight.belongs(entry.change.type)]
    if not unknown:
        return entries
    places = {(entry.change.type, entry.id): (entry.address.rid, entry.bucket) for entry in unknown}
    owners = await shelf.owners(conn, places)
    return [_told(entry, owners.get(entry.address.rid, ())) if _asks(entry) else entry for entry in entries]


def _asks(entry: Entry) -> bool:
    return entry.change.kind == "delete" and entry.line is not None and not entry.line.event.patients


def _told(entry: Entry, patients: tuple[str, ...]) -> Entry:
    assert entry.line is not None  # noqa: S101 - asked before
    return replace(entry, line=Line(entry.line.trail, replace(entry.line.event, patients=patients)))
