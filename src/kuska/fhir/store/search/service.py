"""The search: parse, find, page. What the interactions call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kuska.fhir.domain.definitions.model import Definitions
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.indexing.dates import UTC, Calendar
from kuska.fhir.domain.search.everything import Everything, read
from kuska.fhir.domain.search.parse import Parsed, Parser
from kuska.fhir.domain.search.request import EverythingRequest, Found, Hit, Parameter, SearchPage, SearchRequest
from kuska.fhir.domain.search.tree import Condition
from kuska.fhir.domain.sight import Sight
from kuska.fhir.store.records import Records
from kuska.fhir.store.search.binding import Binder
from kuska.fhir.store.search.everything import BESIDE, page
from kuska.fhir.store.search.identified import identified, identity
from kuska.fhir.store.search.includes import MOST_INCLUDES, Known, included
from kuska.fhir.store.search.paging import Located, Mark, Pages, opened, resources, sealed
from kuska.fhir.store.search.rows import Scope
from kuska.fhir.store.search.sets import Sets
from kuska.infra.postgres.connection import Read
from kuska.infra.postgres.database import Database
from kuska.kit.errors import Issue, NotFoundError
from kuska.kit.paging import Cursors


class SearchService:
    """One caller's searches: every query carries what the caller may see."""

    def __init__(  # noqa: PLR0917 - wired in one place
        self,
        db: Database,
        records: Records,
        parser: Parser,
        definitions: Definitions,
        identities: Identities,
        cursors: Cursors,
        sight: Sight,
        calendar: Calendar = UTC,
    ) -> None:
        self._db = db
        self._records = records
        self._definitions = definitions
        self._parser = parser
        self._references = parser.references
        self._sight = sight
        self._calendar = calendar
        self._identities = identities
        self._cursors = cursors
        self._numbers = definitions.type_numbers
        self._names = definitions.type_names
        # Which type a reference parameter belongs to.
        self._type_keys = {
            parameter.key: definitions.type_numbers[type_]
            for type_, parameters in definitions.search.items()
            for parameter in parameters.values()
            if parameter.type == "reference"
        }

    async def search(self, request: SearchRequest) -> SearchPage:
        """One page. All statements see the same moment."""
        parsed = self._parser.parse(request, self._sight)
        async with self._db.snapshot() as conn:
            return await self._page(conn, parsed)

    async def everything(self, request: EverythingRequest) -> SearchPage:
        """One page of all that belongs to a patient or an encounter. What it points to comes as includes."""
        self._sight.require(request.type, "r")
        asked = self._bounded(read(request, self._definitions, self._references, self._calendar))
        mark = None if asked.cursor is None else opened(asked.cursor, self._cursors, asked.binding)
        after = None if mark is None else (int(mark.values[0] or 0), mark.rid)
        async with self._db.snapshot() as conn:
            own = await Sets(conn).keep(self._inner(asked.type), Scope(asked.type), [asked.rid])
            if not own or not await resources(conn, [(asked.type, asked.rid)]):
                params: dict[str, object] = {"type": request.type, "id": request.id}
                raise NotFoundError(Issue(code="not-found", message="search.no-such-resource", params=params))
            pieces = await page(conn, asked, after, asked.count + 1)
            shown = pieces[: asked.count]
            rows = await resources(conn, [(piece.type, piece.rid) for piece in shown])
        last = shown[-1] if len(pieces) > asked.count else None
        there = [piece for piece in shown if piece.rid in rows]
        return SearchPage(
            matches=tuple(self._found(rows[piece.rid]) for piece in there if piece.part != BESIDE),
            includes=tuple(self._found(rows[piece.rid]) for piece in there if piece.part == BESIDE),
            next=None if last is None else sealed(Mark((last.part,), last.rid), self._cursors, asked.binding),
            understood=asked.understood,
            warnings=asked.warnings,
        )

    async def find(self, type_: str, criteria: Sequence[Parameter], limit: int, conn: Read) -> list[Hit]:
        """The first matches that the caller may see, for conditional interactions: in the caller's transaction, bodies
        left alone.
        """
        return await self._hits(
            type_, self._parser.parse(SearchRequest(type=type_, parameters=tuple(criteria)), self._sight), limit, conn
        )

    async def _hits(self, type_: str, parsed: Parsed, limit: int, conn: Read) -> list[Hit]:
        pages = Pages(conn, parsed.query)
        await pages.prepare(self._type_keys)
        located = await pages.matches(None, limit)
        bind = Binder()
        text = (
            f"select rid, bucket, id, version from fhir.resource where {bind.is_type('type', (self._numbers[type_],))}"
            f" and rid = any ({bind.bigs([one.place.rid for one in located])}) and not deleted order by rid"
        )
        return [
            Hit(row[0], row[1], row[2] or self._identities.mint(row[0], row[1]), row[3])
            for row in await conn.fetch(text, *bind.values)
        ]

    async def find_identified(
        self, wanted: Sequence[tuple[str, Sequence[Parameter]]], conn: Read
    ) -> list[list[Hit] | None]:
        """The matches of those criteria that are one identifier each, all in one statement; None for the others."""
        asked = [identity(self._parser, self._sight, type_, criteria) for type_, criteria in wanted]
        found = await identified(conn, asked)
        return [
            None
            if one is None
            else [
                Hit(rid, bucket, id_ or self._identities.mint(rid, bucket), version)
                for rid, bucket, id_, version in found[place]
            ]
            for place, one in enumerate(asked)
        ]

    def within(self, db: Database) -> SearchService:
        """The same service on another database: one that is a running transaction."""
        other = self._copy()
        other._db = db  # noqa: SLF001 - its own copy
        return other

    def seen_by(self, sight: Sight, records: Records) -> SearchService:
        """The same service, for this caller."""
        other = self._copy()
        other._sight, other._records = sight, records  # noqa: SLF001 - its own copy
        return other

    def _copy(self) -> SearchService:
        other = object.__new__(SearchService)
        other.__dict__.update(self.__dict__)
        return other

    def _bounded(self, asked: Everything) -> Everything:
        """Of each type what the caller may see; none of those the caller may not see at all."""
        withins = {type_: self._sight.shown(self._names[type_]) for type_ in asked.types}
        return replace(
            asked,
            types=frozenset(type_ for type_, within in withins.items() if within is not None),
            beside=frozenset(type_ for type_ in asked.beside if withins.get(type_) is not None),
            keys={key: type_ for key, type_ in asked.keys.items() if withins.get(type_) is not None},
            conditions={
                type_: (*asked.conditions.get(type_, ()), *within.conditions)
                for type_, within in withins.items()
                if within is not None
            },
            binding=f"{asked.binding}{self._sight.binding}",
        )

    def _inner(self, type_: int) -> Sequence[Condition]:
        return self._sight.inner(self._names[type_])

    async def _page(self, conn: Read, parsed: Parsed) -> SearchPage:
        query = parsed.query
        mark = None if query.cursor is None else opened(query.cursor, self._cursors, query.binding)
        pages = Pages(conn, query)
        await pages.prepare(self._type_keys)
        total = mark.total if mark is not None and mark.total is not None else await pages.total()
        if query.count_only:
            return SearchPage(total=total, warnings=parsed.warnings, understood=parsed.understood)
        located = await pages.matches(mark, query.count + 1)
        shown = located[: query.count]
        following = self._next(shown[-1], total, parsed) if len(located) > query.count else None
        matches = [(one.type, one.place.rid) for one in shown]
        rows = await resources(conn, matches)
        warnings = list(parsed.warnings)
        extra: list[tuple[int, int]] = []
        if query.includes and matches:
            found = await included(conn, query.includes, matches, Known(self._type_keys, self._inner))
            extra = found.rids
            if found.cut:
                limits: dict[str, object] = {"limit": MOST_INCLUDES}
                warnings.append(
                    Issue(severity="warning", code="too-costly", message="search.too-many-includes", params=limits)
                )
        beside = await resources(conn, extra)
        return SearchPage(
            matches=tuple(self._found(rows[rid]) for _, rid in matches if rid in rows),
            includes=tuple(self._found(beside[rid]) for _, rid in extra if rid in beside),
            total=total,
            next=following,
            warnings=tuple(warnings),
            understood=parsed.understood,
        )

    def _next(self, last: Located, total: int | None, parsed: Parsed) -> str:
        return sealed(Mark(last.place.values, last.place.rid, total), self._cursors, parsed.query.binding)

    def _found(self, row: object) -> Found:
        stored = self._records.given(row)  # pyright: ignore[reportArgumentType]
        return Found(stored.type, stored.id, stored.version, stored.updated, stored.body)
