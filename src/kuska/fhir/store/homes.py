"""Where resources live whose id does not say it, and the move of one to another patient's shard.

Invariants: a resource is in one bucket, whole; of two writers who would place it differently the second finds it where
the first has put it. See docs/adr/0002-shard-key.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kuska.fhir.domain.definitions.model import Definitions
from kuska.fhir.store.entry import Entry
from kuska.infra.postgres.connection import Write
from kuska.kit.sqlfiles import load

_SQL = load("kuska.fhir.store", "homes.sql")


class Homes:
    def __init__(self, definitions: Definitions) -> None:
        self._numbers = definitions.type_numbers
        self._homed = frozenset(definitions.compartments["Patient"]) - {"Patient"}
        # Minted ids whose resources moved, as far as this process has met them: their bucket is no longer the id's.
        self._moved: set[int] = set()

    def looked_up(self, type_: str) -> bool:
        """May a resource of this type live in a patient's bucket, so that a foreign id does not tell where?"""
        return type_ in self._homed

    def moved(self, entry: Entry) -> None:
        self._moved.add(entry.address.rid)

    def unclear(self, entries: list[Entry]) -> list[Entry]:
        """Those that have to be looked up before they can be written."""
        return [entry for entry in entries if self._must_look(entry)]

    async def settle(self, tx: Write, entries: list[Entry]) -> list[Entry]:
        """Find where resources live whose id does not say, note where new ones will, and move those that change."""
        unclear = self.unclear(entries)
        if not unclear:
            return entries
        homes = await self._claimed(tx, [entry for entry in unclear if entry.change.node is not None])
        for entry in unclear:
            if entry.change.node is None:
                homes[entry.place] = await tx.fetchval(_SQL["hold_home"], entry.address.rid, entry.address.bucket)
        settled: list[Entry] = []
        for entry in entries:
            here = homes.get(entry.place)
            if entry.change.node is None:
                settled.append(entry if here is None else replace(entry, bucket=here))
                continue
            if here is not None and here != entry.bucket:
                await self._move(tx, entry, here, entry.bucket)
            settled.append(entry)
        return settled

    async def _claimed(self, tx: Write, entries: list[Entry]) -> dict[int, int]:
        """Where these live, by place; None of what is new. Their rows in fhir.home stay locked to the end of the
        transaction, so that of two writers who move one resource the second finds it where the first has put it.
        """
        if not entries:
            return {}
        columns_ = ([e.address.rid for e in entries], [e.address.bucket for e in entries], [e.bucket for e in entries])
        found = {row["rid"]: row for row in await tx.fetch(_SQL["claim_homes"], *columns_)}
        homes: dict[int, int] = {}
        for entry in entries:
            row = found[entry.address.rid]
            if not row["fresh"]:
                homes[entry.place] = row["home"]
            elif entry.address.minted:
                homes[entry.place] = entry.address.bucket
        return homes

    def _must_look(self, entry: Entry) -> bool:
        if entry.address.minted:
            return entry.address.bucket != entry.bucket or entry.address.rid in self._moved
        return entry.change.type in self._homed

    async def _move(self, tx: Write, entry: Entry, here: int, there: int) -> None:
        """To another patient's shard, whole: current version, history, index rows."""
        number = self._numbers[entry.change.type]
        # A writer who does not know of the move may hold the row; what it leaves is what moves.
        await tx.fetchval(_SQL["hold_resource"], number, entry.address.rid, here)
        for table in ("resource", "history", "token", "string", "date", "quantity", "reference", "composite"):
            await tx.execute(
                _SQL[f"move_{table}"], entry.address.rid, here, there, *_move_extra(table, number, entry.id)
            )
            await tx.execute(_SQL[f"leave_{table}"], entry.address.rid, here, *_move_extra(table, number))
        await tx.execute(_SQL["change_home"], entry.address.rid, entry.address.bucket, there)
        self.moved(entry)


def _move_extra(table: str, number: int, id_: str | None = None) -> tuple[Any, ...]:
    if table != "resource":
        return ()
    return (number,) if id_ is None else (number, id_)
