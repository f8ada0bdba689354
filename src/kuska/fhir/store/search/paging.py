"""One page of a search: places of one or several types merged, the cursor, the resources, includes and total."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from kuska.fhir.domain.search.tree import Condition, Find, Ids, Match, Query, RefersTo, SortKey
from kuska.fhir.store.search import totals
from kuska.fhir.store.search.binding import Binder
from kuska.fhir.store.search.sets import Sets
from kuska.fhir.store.search.sorting import Place, Sorted, rank
from kuska.fhir.store.search.walks import Walk
from kuska.infra.postgres.connection import Read, Row
from kuska.kit.errors import IncorrectError, Issue
from kuska.kit.paging import BadCursorError, Cursors


@dataclass(frozen=True, slots=True)
class Mark:
    """What a cursor carries: the last place given, and the total so that later pages need not count again."""

    values: tuple[int | float | str | None, ...]
    rid: int
    total: int | None = None


def sealed(mark: Mark, cursors: Cursors, binding: str) -> str:
    return cursors.seal(msgspec.msgpack.encode([mark.total, mark.rid, *mark.values]), binding)


def opened(cursor: str, cursors: Cursors, binding: str) -> Mark:
    try:
        total, rid, *values = msgspec.msgpack.decode(cursors.open(cursor, binding))
    except (BadCursorError, ValueError) as error:
        raise IncorrectError(Issue(code="value", message="search.bad-cursor")) from error
    return Mark(tuple(values), rid, total)


@dataclass(frozen=True, slots=True)
class Located:
    """A match: its type, and where it stands."""

    type: int
    place: Place


class Pages:
    def __init__(self, conn: Read, query: Query) -> None:
        self._conn = conn
        self._sets = Sets(conn)
        self._query = query
        self._resolved: list[tuple[Find, tuple[SortKey, ...]]] = []

    async def prepare(self, type_keys: Mapping[int, int]) -> None:
        """Follow the chains; at system level leave out the types that have nothing."""
        finds = list(zip(self._query.finds, self._query.sort, strict=True))
        if len(finds) > 1:
            present = await self._present(type_keys)
            finds = [pair for pair in finds if pair[0].type in present]
        for find, sort in finds:
            conditions = await self._sets.resolved((*find.conditions, *find.within), find.type)
            self._resolved.append((replace(find, conditions=tuple(conditions)), sort))

    async def _present(self, type_keys: Mapping[int, int]) -> set[int]:
        """Types of which there can be any."""
        target = _common_target(self._query.finds)
        bind = Binder()
        if target is not None:
            # A compartment: what points to its owner tells the types; those that are the owner itself always stay.
            text = f"select distinct param from fhir.reference where target = {bind.big(target)}"
            pointing = {type_keys[row[0]] for row in await self._conn.fetch(text, *bind.values) if row[0] in type_keys}
            return pointing | {find.type for find in self._query.finds if any(_names_ids(c) for c in find.conditions)}
        selects = [
            f"(select type from fhir.resource where {bind.is_type('type', (find.type,))} limit 1)"
            for find in self._query.finds
        ]
        return {row[0] for row in await self._conn.fetch(" union all ".join(selects), *bind.values)}

    async def matches(self, mark: Mark | None, size: int) -> list[Located]:
        """The next `size` matches of all types together."""
        after = None if mark is None else Place(mark.values, mark.rid)
        runs: list[list[tuple[tuple[Any, ...], Located]]] = []
        for find, sort in self._resolved:
            if sort:
                places = await Sorted(self._conn, find, sort).page(after, size)
            else:
                rids = await Walk(self._sets, find).page(after and after.rid, size)
                places = [Place((), rid) for rid in rids]
            runs.append([(rank(place, sort), Located(find.type, place)) for place in places])
        if len(runs) == 1:
            return [located for _, located in runs[0]]
        merged = heapq.merge(*runs, key=lambda pair: pair[0])
        return [located for _, located in list(merged)[:size]]

    async def total(self) -> int | None:
        if self._query.total == "none":
            return None
        found = 0
        for find, _ in self._resolved:
            # The planner's guess knows of everybody's data.
            count = totals.accurate if self._query.total == "accurate" or find.within else totals.estimate
            found += await count(self._conn, self._sets, find)
        return found


async def resources(conn: Read, wanted: Sequence[tuple[int, int]]) -> dict[int, Row]:
    """Rows of `(type, rid)`s that exist, by rid, with the columns that Records.stored reads."""
    if not wanted:
        return {}
    bind = Binder()
    types = tuple(sorted({type_ for type_, _ in wanted}))
    text = (
        "select rid, bucket, type, version, updated, deleted, id, body from fhir.resource"
        f" where {bind.is_type('type', types)} and rid = any ({bind.bigs([rid for _, rid in wanted])}) and not deleted"
    )
    return {row["rid"]: row for row in await conn.fetch(text, *bind.values)}


def _common_target(finds: Sequence[Find]) -> int | None:
    """The owner of the compartment that all finds are about."""
    targets: set[int] = set()
    for find in finds:
        own: set[int] = set()
        for condition in find.conditions:
            own |= _targets(condition)
        if not own:
            return None
        targets |= own
    return targets.pop() if len(targets) == 1 else None


def _targets(condition: Condition) -> set[int]:
    match condition:
        case Match(table="reference", groups=((RefersTo(rids=rids),),)):
            return set(rids)
        case Ids(rids=rids):
            return set(rids)
        case _:
            return set[int]().union(*(_targets(part) for part in getattr(condition, "conditions", ())))


def _names_ids(condition: Condition) -> bool:
    return isinstance(condition, Ids) or any(_names_ids(part) for part in getattr(condition, "conditions", ()))
