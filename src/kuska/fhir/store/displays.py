"""The dictionary of displays: kept up by every write, known to the process so that most writes bring nothing new.

Invariants: a resource and the displays it brings are committed together; what the process holds for known was read
from committed rows. Knowing less than there is costs an insert that does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from math import inf
from time import monotonic

from kuska.fhir.domain.identity import foreign_rid, spread
from kuska.fhir.domain.indexing.displays import MAX_KNOWN, Displays
from kuska.fhir.domain.indexing.rows import IndexRows
from kuska.infra.postgres.connection import Read, Write
from kuska.infra.postgres.database import Database
from kuska.kit.errors import KuskaError
from kuska.kit.sqlfiles import load

_SQL = load("kuska.fhir.store", "displays.sql")


async def add_displays(tx: Write, batch: Iterable[IndexRows]) -> None:
    """In the transaction that writes the resources. In one order, so that two writers wait and do not deadlock."""
    found = sorted({display for rows in batch for display in rows.displays})
    if not found:
        return
    systems, codes, texts = zip(*found, strict=True)
    buckets = [spread(foreign_rid(f"{system}|{code}")) for system, code, _ in found]
    await tx.execute(_SQL["add"], systems, codes, texts, buckets)


async def learn_displays(conn: Read, displays: Displays) -> None:
    """On a connection without a transaction: at the start, and every so often while `displays.unknown`."""
    displays.learn((row[0], row[1], row[2]) for row in await conn.fetch(_SQL["known"], MAX_KNOWN))


class Memory:
    """Reads the dictionary again when something was met that is not known: at most once a second, and less often the
    longer it takes.
    """

    def __init__(self, displays: Displays) -> None:
        self._displays = displays
        self._due = 0.0

    async def refresh(self, db: Database) -> None:
        """After a commit, so it never fails: what was written stays written. Costs nothing where nothing new was met."""
        started = monotonic()
        if not self._displays.unknown or started < self._due:
            return
        self._due = inf  # one at a time
        try:
            with suppress(KuskaError):
                async with db.read() as conn:
                    await learn_displays(conn, self._displays)
        finally:
            ended = monotonic()
            self._due = ended + max(1.0, 50 * (ended - started))
