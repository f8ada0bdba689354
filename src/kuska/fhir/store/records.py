"""Resources in and out of the database. The reading half is in reading.py.

Every `Records` is one caller's: what it reads was judged, what it writes was permitted, and both are told to the trail
(docs/adr/0016-access-in-the-record.md). There is none without a `Sight`.

Invariants: a write is one round trip however many resources it has, in the caller's transaction; a resource is never
overwritten unseen (the version is checked under its row lock); ids minted here are never reused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal
from weakref import WeakKeyDictionary

from kuska.fhir.domain.definitions.model import Definitions
from kuska.fhir.domain.identity import Address, Identities, spread
from kuska.fhir.domain.indexing.extractor import Extractor
from kuska.fhir.domain.indexing.rows import IndexRows
from kuska.fhir.domain.sight import Sight
from kuska.fhir.errors import IdTakenError, VersionConflictError
from kuska.fhir.store.bodies import Bodies, head, tail
from kuska.fhir.store.columns import EMPTY_DIGEST, columns, digest
from kuska.fhir.store.deletions import with_owners
from kuska.fhir.store.displays import Memory, add_displays
from kuska.fhir.store.entry import Change, Entry, Kind, Line
from kuska.fhir.store.grouping import Grouping
from kuska.fhir.store.homes import Homes
from kuska.fhir.store.permits import Standing, permitted, undisturbed, unquestioned
from kuska.fhir.store.reading import Reads, Stored
from kuska.fhir.store.resealing import unchanged_as_stored
from kuska.fhir.store.rights import Rights
from kuska.infra.postgres.connection import Row, Write
from kuska.infra.postgres.database import Database
from kuska.infra.postgres.errors import UNIQUE_VIOLATION, ContentionError
from kuska.kit.errors import Issue
from kuska.kit.json import Node
from kuska.kit.sqlfiles import load

_SQL = load("kuska.fhir.store", "records.sql")
_BLOCK = 256
_NONE: Mapping[int, Standing | None] = MappingProxyType({})
_WRITERS = 2  # groups under way at once, of creates and of the rest each

State = Literal["created", "updated", "revived", "deleted", "unchanged"]
_KIND_LETTERS: Mapping[Kind, bytes] = {"create": b"c", "put": b"p", "delete": b"d"}
_ACTIONS: Mapping[Kind, Literal["C", "U", "D"]] = {"create": "C", "put": "U", "delete": "D"}
_STATES: Mapping[bytes, State] = {b"c": "created", b"u": "updated", b"r": "revived", b"d": "deleted", b"=": "unchanged"}


@dataclass(frozen=True, slots=True)
class Written:
    state: State
    stored: Stored


class _TransactionNeededError(Exception):
    """One statement will not do."""


class Records(Reads):
    def __init__(  # noqa: PLR0917 - wired in one place
        self,
        definitions: Definitions,
        identities: Identities,
        extractor: Extractor,
        sight: Sight,
        rights: Rights,
        bodies: Bodies | None = None,
    ) -> None:
        super().__init__(definitions, identities, sight, Homes(definitions), bodies or Bodies())
        self._rights = rights
        self._touched: set[str] = set()  # types written in the caller's transaction
        self._extractor = extractor
        self._memory = Memory(extractor.displays)
        self._rids: deque[int] = deque()
        self._groups: WeakKeyDictionary[Database, tuple[Grouping[Entry, Row], Grouping[Entry, Row]]] = (
            WeakKeyDictionary()
        )

    def seen_by(self, sight: Sight) -> Records:
        """The same, for this caller."""
        other = object.__new__(Records)
        other.__dict__.update(self.__dict__)
        other._sight = sight
        other._touched = set()
        return other

    # --- ids -------------------------------------------------------------------------------------------------------

    async def reserve(self, tx: Write, count: int) -> None:
        """Have at least `count` rids at hand, so that `mint` need not wait."""
        # While: others may have taken what was there as we waited.
        while len(self._rids) < count:
            blocks = -(-(count - len(self._rids)) // _BLOCK)
            for row in await tx.fetch(_SQL["new_rids"], blocks):
                self._rids.extend(range(row[0], row[0] + _BLOCK))

    def mint(self, type_: str, home_patient: str | None) -> str:
        """A new id; `home_patient` ('Patient/x') decides the shard. Call `reserve` first."""
        rid = self._rids.popleft()
        bucket = spread(rid) if home_patient is None or type_ == "Patient" else self._patient_bucket(home_patient)
        return self._identities.mint(rid, bucket)

    def address(self, type_: str, id_: str) -> Address:
        return self._identities.address(type_, id_)

    def home_patient(self, node: Node) -> str | None:
        return self._extractor.home_patient(node)

    def _patient_bucket(self, reference: str) -> int:
        return self._identities.address("Patient", reference.removeprefix("Patient/")).bucket

    # --- writes ----------------------------------------------------------------------------------------------------

    async def save(self, db: Database, changes: Sequence[Change]) -> list[Written]:
        """`write` in a transaction of its own; where one statement is enough, without the BEGIN and COMMIT round trips."""
        if self._rights.together(changes) or not all(unquestioned(self._sight, change) for change in changes):
            return await self._transacted(db, lambda tx: self.write(tx, changes))
        if minting := sum(1 for change in changes if change.id is None):
            await self._reserve_apart(db, minting)
        entries = self._entries(changes)
        try:
            if len(entries) == 1:
                return [self._written(entries[0], await self._group(db, entries[0]).write(entries[0]))]
            return self._results(entries, await self._alone(db, entries))
        except _TransactionNeededError:
            return await self._transacted(db, lambda tx: self._write(tx, entries))

    async def _transacted(self, db: Database, work: Callable[[Write], Awaitable[list[Written]]]) -> list[Written]:
        done = await db.transact(work)
        await self.refresh(db)
        return done

    def _group(self, db: Database, entry: Entry) -> Grouping[Entry, Row]:
        """Creates apart from the rest: a statement of nothing but creates takes the short way."""
        groups = self._groups.get(db)
        if groups is None:

            async def send(entries: Sequence[Entry]) -> list[Row]:
                return await self._alone(db, entries)

            groups = (Grouping(send, _resource, _WRITERS), Grouping(send, _resource, _WRITERS))
            self._groups[db] = groups
        return groups[entry.change.kind == "create"]

    async def _alone(self, db: Database, entries: Sequence[Entry]) -> list[Row]:
        """One statement for all, which is its own transaction. Rows in the order of the entries."""
        order = sorted(range(len(entries)), key=lambda place: entries[place].address.rid)
        ordered = [entries[place] for place in order]

        async def work(tx: Write) -> list[Row]:
            # Asked again at each attempt: a failed one may have learnt that something moved.
            if self._homes.unclear(ordered):
                raise _TransactionNeededError
            return await self._send(tx, ordered)

        rows = dict(zip(order, await db.single(work), strict=True))
        await self._memory.refresh(db)
        self._rights.settled({entry.change.type for entry in entries})
        return [rows[place] for place in range(len(entries))]

    async def write(self, tx: Write, changes: Sequence[Change]) -> list[Written]:
        """Do all changes in the caller's transaction; results in the order given. No resource may occur twice."""
        standings: dict[int, Standing | None] = {}
        asked = [place for place, change in enumerate(changes) if not unquestioned(self._sight, change)]
        # In one order, so that two writers wait for each other instead of both giving up.
        for place in sorted(asked, key=lambda place: changes[place].id or ""):
            standings[place] = await permitted(tx, self, self._sight, changes[place])
        await self.reserve(tx, sum(1 for change in changes if change.id is None))
        done = await self._write(tx, self._entries(changes, standings))
        for place, standing in standings.items():
            if changes[place].kind == "put":
                undisturbed(standing, created=done[place].state == "created")
        return done

    async def _write(self, tx: Write, entries: list[Entry]) -> list[Written]:
        settled = await self._homes.settle(tx, entries)
        rows = await self._send(tx, settled)
        await self._rights.written(tx, settled)
        self._touched.update(entry.change.type for entry in settled)
        return self._results(settled, rows)

    async def _reserve_apart(self, db: Database, count: int) -> None:
        while len(self._rids) < count:
            await db.single(lambda tx: self.reserve(tx, count))

    def _entries(self, changes: Sequence[Change], standings: Mapping[int, Standing | None] = _NONE) -> list[Entry]:
        entries = [self._entry(place, change, standings.get(place)) for place, change in enumerate(changes)]
        entries.sort(key=lambda entry: entry.address.rid)
        return entries

    def _results(self, entries: list[Entry], rows: list[Row]) -> list[Written]:
        by_place = {entry.place: self._written(entry, row) for entry, row in zip(entries, rows, strict=True)}
        return [by_place[place] for place in range(len(by_place))]

    def _entry(self, place: int, change: Change, standing: Standing | None) -> Entry:
        if change.node is None:
            id_ = change.id or ""
            address = self._identities.address(change.type, id_)
            line = self._line(change, id_, b"", standing)
            return Entry(place, change, id_, address, address.bucket, b"", b"", IndexRows(), line)
        home = self._extractor.home_patient(change.node) if self._homes.looked_up(change.type) else None
        id_ = change.id or self.mint(change.type, home)
        address = self._identities.address(change.type, id_)
        bucket = self._patient_bucket(home) if home else spread(address.rid)
        if change.type == "Patient":
            bucket = address.bucket
        rest = tail(change.node)
        packed = self.bodies.pack(rest, change.type, address.rid)
        line = self._line(change, id_, rest, standing, home)
        return Entry(place, change, id_, address, bucket, rest, packed, self._extractor.rows(change.node), line)

    def _line(
        self, change: Change, id_: str, rest: bytes, standing: Standing | None, home: str | None = None
    ) -> Line | None:
        """For the trail: who did what to whose. Of an update both, whose it was and whose it is."""
        if not self._sight.notes:
            return None
        visit = self._sight.visit
        owners = () if change.node is None else self._sight.owners(change.type, id_, home, rest)
        if standing is not None:
            owners = (*owners, *self._sight.whose(change.type, id_, standing.body))
        event = visit.written(_ACTIONS[change.kind], f"{change.type}/{id_}", *dict.fromkeys(owners))
        return Line(visit.trail, replace(event, query=change.asked) if change.asked else event)

    async def refresh(self, db: Database) -> None:
        """To be called after a commit: keeps in mind what need not be written again, forgets what is different now."""
        await self._memory.refresh(db)
        self._rights.settled(self._touched)
        self._touched.clear()

    async def _send(self, tx: Write, entries: list[Entry]) -> list[Row]:
        await add_displays(tx, [entry.rows for entry in entries])
        if self.bodies.mixed:
            entries = await unchanged_as_stored(tx, entries, self.bodies, self._numbers)
        lines = [entry.line for entry in await with_owners(tx, self, entries, self._sight) if entry.line is not None]
        statement, noted = _noting(lines)
        try:
            return await tx.fetch(
                _SQL[statement],
                [e.address.rid for e in entries],
                [self._numbers[e.change.type] for e in entries],
                [e.bucket for e in entries],
                [_KIND_LETTERS[e.change.kind] for e in entries],
                [e.change.expected for e in entries],
                [None if e.address.minted and e.address.bucket == e.bucket else e.id for e in entries],
                [digest(e.rows) if e.change.node is not None else EMPTY_DIGEST for e in entries],
                [e.packed for e in entries],
                *columns([e.rows for e in entries]),
                *noted,
            )
        except Exception as error:
            match getattr(error, "sqlstate", None):
                case "KU412":
                    place = entries[int(str(error)) - 1].place
                    raise VersionConflictError(place) from error
                case "KU409":
                    raise IdTakenError(entries[int(str(error)) - 1].place) from error
                case "KU301":
                    # Known now: the repeated transaction looks its home up.
                    self._homes.moved(entries[int(str(error)) - 1])
                    raise ContentionError(Issue(code="transient", message="store.moved")) from error
                case state if state == UNIQUE_VIOLATION:
                    # Somebody else created one of these meanwhile; the repeated transaction will see it.
                    raise ContentionError(Issue(code="lock-error", message="store.created-meanwhile")) from error
                case _:
                    raise

    def _written(self, entry: Entry, row: Row) -> Written:
        state = _STATES[row["state"]]
        version, updated = row["version"], row["updated"]
        deleted = entry.change.kind == "delete"
        body = b"" if deleted else head(entry.change.type, entry.id, version, updated) + entry.tail
        return Written(state, Stored(entry.change.type, entry.id, version, updated, deleted, body))


def _noting(lines: Sequence[Line]) -> tuple[str, Sequence[Any]]:
    """The statement that writes, and what it notes."""
    if not lines:
        return "write", ()
    noted = lines[0].trail.columns([line.event for line in lines])
    if len(noted[0]) == 1:  # nearly always
        return "write_and_note", [column[0] for column in noted]
    return "write_and_note_many", noted


def _resource(entry: Entry) -> int:
    return entry.address.rid
