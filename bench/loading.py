"""A large population through the record's own write path, without HTTP and validation: the same rows, sooner.

For sizes that bundles over HTTP would load for an hour. Ids are minted by the record, index rows come from its extractor, the write is its own function;
only the resolution of `urn:uuid` and conditional references is done here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any

from bench.population import SEED
from bench.result import note
from kuska.app.demo.population.facilities import shared_nodes
from kuska.app.demo.population.links import Ids
from kuska.app.demo.population.people import Life, people
from kuska.fhir.api import open_record
from kuska.fhir.store.records import Change, Records
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.kit.json import Node, decode, encode
from kuska.security.api import visit_off

_REFERENCE = re.compile(rb'"reference":"(urn:uuid:[^"]+|[A-Za-z]+\?[^"]+)"')
_LIVES = 8  # in one transaction


class Loader:
    def __init__(self, db: Database, records: Records, common: dict[bytes, bytes]) -> None:
        self._db = db
        self._records = records
        self._common = common  # conditional reference -> 'Type/id', kept by the caller between loads

    async def common(self) -> int:
        """Facilities and their people; before any life."""
        nodes = list(shared_nodes(SEED, Ids.SERVER))

        async def work(tx: Write) -> int:
            await self._records.reserve(tx, len(nodes))
            changes: list[Change] = []
            for shared, node in nodes:
                id_ = self._records.mint(shared.type, None)
                key = f"{shared.type}?identifier={shared.system}|{shared.value}"
                self._common[key.encode()] = f"{shared.type}/{id_}".encode()
                changes.append(Change("create", shared.type, id_, node))
            linked = [Change("create", c.type, c.id, self._linked(c.node or {}, {})) for c in changes]
            return len(await self._records.write(tx, linked))

        return await self._db.transact(work)

    async def lives(self, start: int, count: int, *, writers: int = 4) -> int:
        pending = _batches(people(count, SEED, start=start))
        stored = 0

        async def writer() -> None:
            nonlocal stored
            for batch in pending:
                done = await self._db.transact(lambda tx, b=batch: self._write(tx, b))
                stored += done
                if stored // 100_000 != (stored - done) // 100_000:
                    note(f"  loaded {stored:,} resources")

        await asyncio.gather(*(writer() for _ in range(writers)))
        return stored

    async def _write(self, tx: Write, lives: list[Life]) -> int:
        await self._records.reserve(tx, sum(len(life.nodes) for life in lives))
        changes: list[Change] = []
        for life in lives:
            patient = self._records.mint("Patient", None)
            ids: dict[bytes, bytes] = {}
            for place, (uuid, node) in enumerate(life.nodes):
                type_ = str(node["resourceType"])
                id_ = patient if place == 0 else self._records.mint(type_, f"Patient/{patient}")
                ids[f"urn:uuid:{uuid}".encode()] = f"{type_}/{id_}".encode()
            for uuid, node in life.nodes:
                type_, _, id_ = ids[f"urn:uuid:{uuid}".encode()].decode().partition("/")
                changes.append(Change("create", type_, id_, self._linked(node, ids)))
        return len(await self._records.write(tx, changes))

    def _linked(self, node: Node, ids: dict[bytes, bytes]) -> Node:
        def target(found: re.Match[bytes]) -> bytes:
            return b'"reference":"' + (ids.get(found[1]) or self._common[found[1]]) + b'"'

        return decode(_REFERENCE.sub(target, encode(node)))


async def load(dsn: str, start: int, count: int, *, first: bool, common: dict[bytes, bytes]) -> int:
    """Persons start .. start+count-1 (with what all share, when these are the first); the number of resources."""
    db = await Database.open(dsn)
    try:
        record = await (await open_record(db)).for_visit(visit_off())
        loader = Loader(db, record.records, common)
        stored = await loader.common() if first else 0
        return stored + await loader.lives(start, count)
    finally:
        await db.close()


def _batches(lives: Iterable[Life]) -> Any:
    batch: list[Life] = []
    for life in lives:
        batch.append(life)
        if len(batch) == _LIVES:
            yield batch
            batch = []
    if batch:
        yield batch
