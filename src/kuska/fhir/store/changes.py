"""The outbox: what changed, in an order that a reader can follow without gaps or doubles.

fhir.write leaves one row per transaction and bucket, in the transaction of the change itself. A position is the pair
(transaction, sequence); reading stops short of the oldest transaction still running, so one slow transaction delays the
outbox but never hides behind it. On Citus a transaction over several shards becomes visible shard by shard some
milliseconds after the coordinator's commit; a reader there stays a second behind (docs/adr/0002-shard-key.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kuska.fhir.domain.definitions.model import Definitions
from kuska.infra.postgres.connection import Read, Write
from kuska.kit.sqlfiles import load

_SQL = load("kuska.fhir.store", "changes.sql")

_EVERYTHING = str(2**63 - 1)
Kind = Literal["created", "updated", "deleted"]
_KINDS: Mapping[bytes, Kind] = {b"c": "created", b"u": "updated", b"r": "created", b"d": "deleted"}


@dataclass(frozen=True, slots=True, order=True)
class Position:
    transaction: int = 0
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """One version of one resource came to be. `bucket` is the key: events with the same key stay in order."""

    position: Position
    kind: Kind
    type: str
    rid: int
    version: int
    bucket: int


class Outbox:
    def __init__(self, definitions: Definitions) -> None:
        self._names = definitions.type_names

    async def read(self, conn: Read, after: Position, limit: int) -> Sequence[ChangeEvent]:
        """Events after a position: those of at most `limit` rows, whole transactions' shares of a bucket each."""
        horizon = await conn.fetchval(_SQL["horizon"])
        rows = await conn.fetch(_SQL["read"], str(after.transaction), after.sequence, horizon, limit)
        return [
            ChangeEvent(
                Position(int(row["xid"]), row["seq"]), _KINDS[kind], self._names[type_], rid, version, row["bucket"]
            )
            for row in rows
            for rid, type_, version, kind in zip(row["rids"], row["types"], row["versions"], row["kinds"], strict=True)
        ]

    async def read_through(self, tx: Write, name: str, through: Position) -> None:
        """A reader says how far it has come; from the first time on, nothing is trimmed that it has not read."""
        await tx.execute(_SQL["read_through"], name, str(through.transaction), through.sequence)

    async def forget_reader(self, tx: Write, name: str) -> None:
        """It does not come back: nothing waits for it any more."""
        await tx.execute(_SQL["forget_reader"], name)

    async def trim(self, tx: Write, now: datetime, before: datetime) -> None:
        """Removes what is older than `before` and read by everybody who is waited for. Notes how far it is by `now`:
        what was written before the first such note is as old as that.
        """
        await tx.execute(_SQL["mark"], now)
        aged = await tx.fetchrow(_SQL["aged"], before)
        if aged is None:
            return
        slowest = await tx.fetchrow(_SQL["slowest"])
        through = (_EVERYTHING, 0) if slowest is None else (slowest["xid"], slowest["seq"])
        await tx.execute(_SQL["trim"], aged["xid"], *through)
        await tx.execute(_SQL["forget_marks"], aged["at"])

    async def begin_anew(self, tx: Write) -> None:
        """After the rows were brought into another server, whose transactions count from the beginning."""
        for name in ("begin_anew", "readers_anew", "marks_anew"):
            await tx.execute(_SQL[name])
