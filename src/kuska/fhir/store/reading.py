"""Resources out of the database: by id, by version, histories. What comes out was judged and is in the visit's line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kuska.fhir.domain.definitions.model import Definitions
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.sight import Sight
from kuska.fhir.store.bodies import Bodies, head
from kuska.fhir.store.homes import Homes
from kuska.fhir.store.permits import Standing
from kuska.infra.postgres.connection import Read, Row, Write
from kuska.infra.postgres.errors import ContentionError
from kuska.kit.errors import Issue
from kuska.kit.sqlfiles import load
from kuska.security.contracts import Letter
from kuska.security.errors import RefusedByPolicyError

_SQL = load("kuska.fhir.store", "records.sql")


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a resource. `body` is complete JSON, empty when this version is a deletion."""

    type: str
    id: str
    version: int
    updated: datetime
    deleted: bool
    body: bytes


class Reads:
    def __init__(
        self, definitions: Definitions, identities: Identities, sight: Sight, homes: Homes, bodies: Bodies
    ) -> None:
        self._numbers = definitions.type_numbers
        self._names = definitions.type_names
        self._identities = identities
        self._sight = sight
        self._homes = homes
        self.bodies = bodies

    async def read(self, conn: Read, type_: str, id_: str, letter: Letter = "r") -> Stored | None:
        """None for what is not there, and for what the caller may not do `letter` with: nobody learns which it is.

        Raises:
            RefusedByPolicyError: the caller may do it with no resource of the type.
        """
        self._sight.require(type_, letter)
        row = await self._row(conn, type_, id_)
        if row is None:
            self._sight.pretend(type_, letter)
            return None
        stored = self.stored(row, id_)
        if not await self._visible(conn, row, stored, letter):
            return None
        if letter == "r":
            self._sight.gave(type_, id_, stored.body)
        return stored

    async def read_version(self, conn: Read, type_: str, id_: str, version: int) -> Stored | None:
        """Who may not see the resource as it is now sees no version of it; nor one that was somebody else's."""
        self._sight.require(type_, "r")
        current = await self._row(conn, type_, id_)
        if current is None or current["version"] < version:
            return None
        newest = self.stored(current)
        if not await self._visible(conn, current, newest, "r"):
            return None
        if current["version"] == version:
            self._sight.gave(type_, id_, newest.body)
            return newest
        row = await conn.fetchrow(_SQL["read_old_version"], current["rid"], current["bucket"], version)
        if row is None:
            return None
        stored = self.stored(row, id_)
        if not stored.deleted and not self._sight.sees(type_, "r", id_, stored.body):
            return None
        self._sight.gave(type_, id_, stored.body)
        return stored

    async def history(
        self,
        conn: Read,
        type_: str,
        id_: str,
        *,
        since: datetime,
        before: datetime,
        below_version: int,
        limit: int,
    ) -> list[Stored] | None:
        """Newest first, without versions that were somebody else's; None when there never was such a resource."""
        self._sight.require(type_, "r")
        current = await self._row(conn, type_, id_)
        if current is None or not await self._visible(conn, current, self.stored(current), "r"):
            return None
        place = (current["type"], current["rid"], current["bucket"])
        shown: list[Stored] = []
        while len(shown) < limit:
            rows = await conn.fetch(_SQL["history_of_one"], *place, below_version, since, before, limit)
            found = [self.stored(row, id_) for row in rows]
            shown += [one for one in found if one.deleted or self._sight.sees(type_, "r", id_, one.body)]
            if len(found) < limit:
                break
            below_version = found[-1].version
        for one in shown[:limit]:
            self._sight.gave(type_, id_, one.body)
        return shown[:limit]

    async def _visible(self, conn: Read, row: Row, stored: Stored, letter: Letter) -> bool:
        """A deleted resource is judged by what it was."""
        if self._sight.free(stored.type, letter):
            return True
        return self._sight.sees(stored.type, letter, stored.id, await self._content(conn, row, stored))

    async def _content(self, conn: Read, row: Row, stored: Stored) -> bytes:
        if not stored.deleted:
            return stored.body
        before = await conn.fetchrow(_SQL["read_old_version"], row["rid"], row["bucket"], stored.version - 1)
        return b"{}" if before is None else self.stored(before, stored.id).body

    async def owners(self, conn: Read, places: Mapping[tuple[str, str], tuple[int, int]]) -> dict[int, tuple[str, ...]]:
        """Ids of the patients whose data these are as they stand, not locked, by rid. `places`: type and id -> rid and
        bucket.
        """
        ids = {(self._numbers[name[0]], *place): name for name, place in places.items()}
        numbers = [self._numbers[type_] for type_, _ in places]
        rids, buckets = zip(*places.values(), strict=True)
        found: dict[int, tuple[str, ...]] = {}
        for row in await conn.fetch(_SQL["read_many"], numbers, rids, buckets):
            name = ids.get((row["type"], row["rid"], row["bucket"]))
            if name is not None and _same_id(row, name[1]) is not None:
                type_, id_ = name
                body = await self._content(conn, row, self.stored(row, id_))
                found[row["rid"]] = self._sight.whose(type_, id_, body)
        return found

    async def standing(self, tx: Write, type_: str, id_: str) -> Standing | None:
        """A resource as it stands, for a decision about writing it; locked to the end of the transaction."""
        row = await self._row(tx, type_, id_)
        if row is None:
            return None
        if await tx.fetchval(_SQL["hold"], row["type"], row["rid"], row["bucket"]) != row["version"]:
            raise ContentionError(Issue(code="transient", message="store.moved"))
        return Standing(row["version"], await self._content(tx, row, self.stored(row, id_)))

    async def history_of_types(
        self, conn: Read, types: Sequence[str], *, since: datetime, below: tuple[datetime, int], limit: int
    ) -> list[tuple[Stored, int]]:
        """Newest first, each with its rid; (updated, rid) of the last one is the next `below`. Only for callers who may
        see all of these types: a page filtered afterwards would tell by its gaps what was taken out.
        """
        self.whole(types)
        numbers = [self._numbers[name] for name in types]
        rows = await conn.fetch(_SQL["history_of_types"], numbers, since, below[0], below[1], limit)
        return [(self.given(row), row["rid"]) for row in rows]

    def whole(self, types: Sequence[str]) -> None:
        """Refuses callers who may not see every resource of these types."""
        if not all(self._sight.free(type_, "s") for type_ in types):
            raise RefusedByPolicyError

    def given(self, row: Row) -> Stored:
        """`stored`, of what goes to the caller."""
        stored = self.stored(row)
        self._sight.gave(stored.type, stored.id, stored.body)
        return stored

    def stored(self, row: Row, id_: str | None = None) -> Stored:
        """From any row with the columns of `read` (search results too)."""
        type_ = self._names[row["type"]]
        known = id_ or row["id"] or self._identities.mint(row["rid"], row["bucket"])
        version, updated, deleted = row["version"], row["updated"], row["deleted"]
        body = b""
        if not deleted:
            body = head(type_, known, version, updated) + self.bodies.rest(row["body"], type_, row["rid"])
        return Stored(type_, known, version, updated, deleted, body)

    async def _row(self, conn: Read, type_: str, id_: str) -> Row | None:
        number = self._numbers[type_]
        address = self._identities.address(type_, id_)
        if address.minted or not self._homes.looked_up(type_):
            row = await conn.fetchrow(_SQL["read"], number, address.rid, address.bucket)
            if row is not None or not address.minted:
                return None if row is None else _same_id(row, id_)
        row = await conn.fetchrow(_SQL["read_homed"], number, address.rid, address.bucket)
        return None if row is None else _same_id(row, id_)


def _same_id(row: Row, id_: str) -> Row | None:
    """Two foreign ids can share a hashed rid; the row then belongs to the other one."""
    return row if row["id"] is None or row["id"] == id_ else None
