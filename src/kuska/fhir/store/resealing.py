"""Bodies sealed by older keys, or not at all: recognised when they are put again, and sealed anew in the background.

What is done is in the data itself, so an interrupted run begins anew and only reads what it had done already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from kuska.fhir.store.bodies import Bodies
from kuska.fhir.store.entry import Entry
from kuska.infra.postgres.connection import Read, Row, Write
from kuska.infra.postgres.database import Database
from kuska.kit.sqlfiles import load
from kuska.security.errors import KeyMissingError, SealBrokenError

_SQL = load("kuska.fhir.store", "resealing.sql")
_BATCH = 500


async def unchanged_as_stored(
    tx: Read, entries: Sequence[Entry], bodies: Bodies, numbers: Mapping[str, int]
) -> list[Entry]:
    """Whoever puts what is there already changes nothing, although today it would be sealed to other bytes.

    Not under a lock: if the resource changes meanwhile, the worst is a version that says the same as the one before.
    """
    puts = [entry for entry in entries if entry.change.kind == "put"]
    if not puts:
        return list(entries)
    rows = await tx.fetch(
        _SQL["stored"],
        [numbers[entry.change.type] for entry in puts],
        [entry.address.rid for entry in puts],
        [entry.bucket for entry in puts],
    )
    stored = {row["rid"]: bytes(row["body"]) for row in rows}
    return [_as_stored(entry, stored.get(entry.address.rid), bodies) for entry in entries]


def _as_stored(entry: Entry, stored: bytes | None, bodies: Bodies) -> Entry:
    if entry.change.kind != "put" or not stored or stored == entry.packed:
        return entry
    try:
        same = bodies.rest(stored, entry.change.type, entry.address.rid) == entry.tail
    except (SealBrokenError, KeyMissingError):
        return entry  # what nobody can read any more may still be written anew
    return replace(entry, packed=stored) if same else entry


async def is_empty(conn: Read) -> bool:
    """Nothing was ever stored here."""
    return bool(await conn.fetchval(_SQL["is_empty"]))


class Resealing:
    """One walk over all bodies. Reads and writes of others go on: a batch is one short transaction."""

    def __init__(self, db: Database, bodies: Bodies, names: Mapping[int, str], batch: int = _BATCH) -> None:
        self._db = db
        self._bodies = bodies
        self._names = names
        self._batch = batch

    async def run(self, progress: Callable[[int, int], None] = lambda _, __: None) -> int:
        """How many were sealed anew; `progress(seen, changed)` after each batch. Zero: all is as it should be."""
        self._seen = self._changed = 0
        self._progress = progress
        await self._walk("old_resources", "reseal_resource", ("type", "rid", "bucket"), (-1, -(1 << 63), -1))
        await self._walk("old_versions", "reseal_version", ("rid", "version", "bucket"), (-(1 << 63), -1, -1))
        return self._changed

    async def _walk(self, find: str, change: str, key: tuple[str, ...], place: tuple[int, ...]) -> None:
        while True:
            async with self._db.read() as conn:
                rows = await conn.fetch(_SQL[find], *place, self._bodies.beginning, self._batch)
            if not rows:
                return
            place = tuple(rows[-1][name] for name in key)
            old = [row for row in rows if row["old"]]
            if old:
                # In the order in which writers lock too, so that nobody waits in a circle.
                old.sort(key=lambda row: row["rid"])
                await self._db.transact(lambda tx, old=old: self._change(tx, change, key, old))
            self._seen += len(rows)
            self._changed += len(old)
            self._progress(self._seen, self._changed)

    async def _change(self, tx: Write, change: str, key: tuple[str, ...], rows: Sequence[Row]) -> None:
        await tx.executemany(
            _SQL[change], [(*(row[name] for name in key), row["body"], self._anew(row)) for row in rows]
        )

    def _anew(self, row: Row) -> bytes:
        type_, rid, body = self._names[row["type"]], row["rid"], bytes(row["body"])
        return self._bodies.pack(self._bodies.rest(body, type_, rid), type_, rid)
