"""What the use cases work with: the record's parts as one visit may use them.

`Archive` is the record as the composition root opens it: nobody's, and nothing can be read from it or written to it.
`archive.for_visit(visit)` gives the `Record` of that visit; use cases take nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import TracebackType
from typing import TypeVar

from kuska.fhir.domain.definitions.model import Definitions
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.indexing.dates import Calendar
from kuska.fhir.domain.sight import Eyes, Sight
from kuska.fhir.settings import FhirSettings
from kuska.fhir.store.bodies import Bodies
from kuska.fhir.store.care import Care
from kuska.fhir.store.records import Change, Records, Written
from kuska.fhir.store.search.service import SearchService
from kuska.infra.postgres.connection import Read, Write
from kuska.infra.postgres.database import Database
from kuska.kit.errors import Issue
from kuska.kit.paging import Cursors
from kuska.security.visit import Visit

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    db: Database
    bodies: Bodies
    eyes: Eyes
    care: Care
    nobodys: Record  # as it is for who has not come in: what describes the record, and none of its resources
    secured: bool = True

    async def for_visit(self, visit: Visit) -> Record:
        care = await self.care.of(self.db, visit.access.caller.practitioner, visit.now())
        return self.nobodys.seen_by(Sight(visit, self.eyes, care))

    @property
    def definitions(self) -> Definitions:
        return self.nobodys.definitions

    @property
    def settings(self) -> FhirSettings:
        return self.nobodys.settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    sight: Sight
    db: Database
    definitions: Definitions
    identities: Identities
    records: Records
    search: SearchService
    cursors: Cursors
    calendar: Calendar  # of dates without a zone
    settings: FhirSettings = field(default_factory=FhirSettings)

    def seen_by(self, sight: Sight) -> Record:
        records = self.records.seen_by(sight)
        return Record(
            sight=sight,
            db=self.db,
            definitions=self.definitions,
            identities=self.identities,
            records=records,
            search=self.search.seen_by(sight, records),
            cursors=self.cursors,
            calendar=self.calendar,
            settings=self.settings,
        )

    async def transaction(self, work: Callable[[Write], Awaitable[T]]) -> T:
        """`work` in one transaction, all or nothing; repeated invisibly after deadlocks, so it must not keep state."""
        done = await self.db.transact(work)
        await self.records.refresh(self.db)
        return done

    async def write(self, changes: Sequence[Change]) -> list[Written]:
        """Changes that depend on nothing else: in one round trip where that is possible."""
        return await self.records.save(self.db, changes)

    def inside(self, tx: Write) -> Record:
        """The same record, its reads in a running transaction: they see what it has written."""
        db = _Running(tx)
        return replace(self, db=db, search=self.search.within(db))


class _Running(Database):
    """A database that is one running transaction."""

    def __init__(self, tx: Write) -> None:
        self._tx = tx

    def read(self) -> _Loan:
        return _Loan(self._tx)

    def snapshot(self) -> _Loan:
        return _Loan(self._tx)


@dataclass(frozen=True, slots=True)
class _Loan:
    """The transaction's connection, for an `async with`; whoever began the transaction ends it."""

    conn: Read

    async def __aenter__(self) -> Read:
        return self.conn

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        return None


@dataclass(slots=True)
class Answer:
    """What a use case gives back; HTTP and bundles each make their own of it."""

    status: int
    body: bytes = b""  # complete JSON, empty for none
    version: int = 0  # 0 = the answer is no version of one resource
    updated: datetime | None = None
    location: str = ""  # 'Patient/1/_history/2', under the base
    issues: tuple[Issue, ...] = ()  # warnings worth telling although it worked
