"""Pages in another order than that of the rids: `_sort`.

Small sets are sorted here. Large ones are walked along the index of the first key, from the cursor on; what has no
value of that key follows. When the walk finds too little, the database sorts the whole set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import total_ordering
from typing import Any

from kuska.fhir.domain.search.tree import Condition, Find, Match, Not, Present, RefersTo, SortKey, Table, Updated
from kuska.fhir.store.search.binding import Binder
from kuska.fhir.store.search.full import full
from kuska.fhir.store.search.predicates import exact
from kuska.fhir.store.search.rows import Scope, moments
from kuska.fhir.store.search.sets import Sets, TooWide
from kuska.fhir.store.search.walks import Walk
from kuska.infra.postgres.connection import Read

Value = int | float | str | None
_FIRST_PIECE = 64
_LARGEST_PIECE = 2048
# Rows of the sort index looked at in vain before the database sorts the whole set.
_PATIENCE = 5000

_VALUES: Mapping[str, str] = {
    "token": "code",
    "string": "coalesce(sort, text)",
    "date": "low",
    "quantity": "clow",
    "reference": "target",
    "updated": "(extract(epoch from updated) * 1000000)::bigint",
    # A minted id begins with its rid in hexadecimal digits, so this is the order of the ids' text.
    "id": "coalesce(id, substr(lpad(to_hex(rid), 12, '0'), 1, 8) || '-' || substr(lpad(to_hex(rid), 12, '0'), 9))",
}
# Those whose index is in order of the value, of one parameter.
_WALKED = frozenset({"token", "string", "date", "updated"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a resource stands: its value for each sort key, then its rid."""

    values: tuple[Value, ...]
    rid: int


@total_ordering
class _Down:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Down) and self.value == other.value

    def __lt__(self, other: _Down) -> bool:
        return other.value < self.value

    def __hash__(self) -> int:
        return hash(self.value)


def rank(place: Place, sort: Sequence[SortKey]) -> tuple[Any, ...]:
    """Compares as the places stand: missing values last, then by rid in the direction of the first key."""
    parts: list[Any] = []
    for value, key in zip(place.values, sort, strict=True):
        parts.append((1, 0) if value is None else (0, _Down(value) if key.descending else value))
    backwards = bool(sort) and sort[0].descending and place.values[0] is not None
    return (*parts, -place.rid if backwards else place.rid)


class Sorted:
    """One type's resources that fulfil all (resolved) conditions, in the order of the keys."""

    def __init__(self, conn: Read, find: Find, sort: Sequence[SortKey]) -> None:
        self._conn = conn
        self._sets = Sets(conn)
        self._find = find
        self._conditions = find.conditions
        self._scope = Scope(find.type, find.bucket)
        self._sort = tuple(sort)

    async def page(self, after: Place | None, size: int) -> list[Place]:
        try:
            return await self._page(after, size)
        except TooWide:
            return await self._whole(after, size)

    async def _page(self, after: Place | None, size: int) -> list[Place]:
        probes = await self._sets.probe(self._conditions, self._scope)
        if probes.candidates is not None:
            rids = await self._sets.keep(probes.rest, self._scope, probes.candidates)
            return await self.sorted(rids, after, size)
        first = self._sort[0]
        walkable = first.by in _WALKED and (len(first.keys) == 1 or first.by == "updated")
        # What points to one resource is a small part of its type, wherever it stands in the order.
        if walkable and self._scope.bucket is None and not any(_is_one_target(c) for c in self._conditions):
            return await self._walk(after, size)
        return await self._gathered(after, size)

    async def _gathered(self, after: Place | None, size: int) -> list[Place]:
        rids = await self._sets.many(self._conditions, self._scope)
        return await self._whole(after, size) if rids is None else await self.sorted(rids, after, size)

    async def sorted(self, rids: Sequence[int], after: Place | None, size: int) -> list[Place]:
        places = await self._places(rids)
        places.sort(key=lambda place: rank(place, self._sort))
        return self._beyond(places, after)[:size]

    def _beyond(self, places: Sequence[Place], after: Place | None) -> list[Place]:
        if after is None:
            return list(places)
        start = rank(after, self._sort)
        return [place for place in places if rank(place, self._sort) > start]

    # --- values of the keys ------------------------------------------------------------------------------------------

    async def _places(self, rids: Sequence[int], first: Mapping[int, Value] | None = None) -> list[Place]:
        if not rids:
            return []
        columns = [first] if first is not None else []
        columns += [await self.values(key, rids) for key in self._sort[len(columns) :]]
        return [Place(tuple(column.get(rid) for column in columns), rid) for rid in rids]

    async def values(self, key: SortKey, rids: Sequence[int]) -> Mapping[int, Value]:
        bind = Binder()
        value = _VALUES[key.by]
        if key.by in ("updated", "id"):
            kind = bind.is_type("type", (self._scope.type,))
            inner = f"select rid, {value} as k from fhir.resource where {kind} and rid = any ({bind.bigs(rids)})"
        else:
            best = f"max({value})" if key.descending else f"min({value})"
            inner = (
                f"select rid, {best} as k from fhir.{key.by} where rid = any ({bind.bigs(rids)})"
                f" and {bind.is_param_of(key.keys)}{_whole_value(key.by)} group by rid"
            )
        row: Any = await self._conn.fetchrow(
            f"select array_agg(rid) as r, array_agg(k) as k from ({inner}) x", *bind.values
        )
        return dict(zip(row["r"] or (), row["k"] or (), strict=True))

    # --- along the index ---------------------------------------------------------------------------------------------

    async def _walk(self, after: Place | None, size: int) -> list[Place]:
        if after is not None and after.values[0] is None:
            return await self._valueless(after, size)
        found: list[Place] = []
        looked, piece = 0, max(_FIRST_PIECE, 2 * size)
        position = None if after is None else (after.values[0], after.rid)
        inclusive = after is not None and len(self._sort) > 1
        while len(found) < size:
            if looked >= _PATIENCE:
                return found + await self._gathered(found[-1] if found else after, size - len(found))
            window = await self._window(position, inclusive, piece)
            ended = len(window) < piece
            if len(self._sort) > 1 and not ended:
                ties = await self._ties(window[-1])
                if len(ties) > _PATIENCE:
                    return found + await self._whole(found[-1] if found else after, size - len(found))
                window += ties
            found += self._beyond(await self._passing(window), after)
            if ended:
                return (
                    (found + await self._valueless(None, size - len(found)))[:size]
                    if len(found) < size
                    else found[:size]
                )
            looked, position, inclusive = looked + len(window), window[-1], False
            piece = min(piece * 4, _LARGEST_PIECE)
        return found[:size]

    async def _passing(self, window: Sequence[tuple[Value, int]]) -> list[Place]:
        rids = list(dict.fromkeys(rid for _, rid in window))
        kept = await self._sets.keep(self._conditions, self._scope, rids)
        first = self._sort[0]
        # Of several values only the best one is the resource's place; it passes by the others.
        walked = {rid: value for value, rid in window}
        values = walked if first.single else await self.values(first, kept)
        seen = set(window)
        places = [p for p in await self._places(kept, values) if (p.values[0], p.rid) in seen]
        places.sort(key=lambda place: rank(place, self._sort))
        return places

    def _source(self, bind: Binder) -> tuple[str, str, str]:
        """(value, table, where) of the first key's rows, with the conditions that are about the very same row."""
        first = self._sort[0]
        if first.by == "updated":
            where = f"{bind.is_type('type', (self._scope.type,))} and not deleted"
            bounds = (moments(c, bind) for c in self._conditions if isinstance(c, Updated))
            return "updated", "fhir.resource", where + "".join(bounds)
        where = bind.is_param(first.keys) + _whole_value(first.by)
        for condition in self._conditions:
            if isinstance(condition, Match) and condition.single and condition.keys == first.keys:
                for group in condition.groups:
                    where += " and (" + " or ".join(f"({exact(test, bind)})" for test in group) + ")"
        return _VALUES[first.by], f"fhir.{first.by}", where

    async def _window(self, position: tuple[Value, int] | None, inclusive: bool, size: int) -> list[tuple[Value, int]]:
        bind = Binder()
        value, table, where = self._source(bind)
        down = self._sort[0].descending
        if position is not None:
            sign = "<" if down else ">"
            if inclusive:
                where += f" and {value} {sign}= {self._bound(position[0], bind)}"
            else:
                where += f" and ({value}, rid) {sign} ({self._bound(position[0], bind)}, {bind.big(position[1])})"
        order = f"{value} desc, rid desc" if down else f"{value}, rid"
        return await self._rows(
            f"select {value} as k, rid from {table} where {where} order by {order} limit {size}", bind
        )

    async def _ties(self, last: tuple[Value, int]) -> list[tuple[Value, int]]:
        """The rest of the rows that have the same first value as the last one of a window."""
        bind = Binder()
        value, table, where = self._source(bind)
        sign = "<" if self._sort[0].descending else ">"
        order = "rid desc" if self._sort[0].descending else "rid"
        where += f" and {value} = {self._bound(last[0], bind)} and rid {sign} {bind.big(last[1])}"
        return await self._rows(
            f"select {value} as k, rid from {table} where {where} order by {order} limit {_PATIENCE + 1}", bind
        )

    def _bound(self, value: Value, bind: Binder) -> str:
        match self._sort[0].by:
            case "updated":
                return bind.moment(int(value or 0))
            case "date":
                return bind.big(int(value or 0))
            case _:
                return bind.text(str(value))

    async def _rows(self, text: str, bind: Binder) -> list[tuple[Value, int]]:
        key = _VALUES["updated"].replace("updated", "k") if self._sort[0].by == "updated" else "k"
        row: Any = await self._conn.fetchrow(
            f"select array_agg({key}) as k, array_agg(rid) as r from ({text}) x", *bind.values
        )
        return list(zip(row["k"] or (), row["r"] or (), strict=True))

    async def _valueless(self, after: Place | None, size: int) -> list[Place]:
        first = self._sort[0]
        if first.by in ("updated", "id"):
            return []
        conditions = (*self._conditions, Not(Present(((_table(first), first.keys),))))
        if len(self._sort) > 1:
            return await self._whole(after, size, conditions)
        found = await Walk(self._sets, replace(self._find, conditions=conditions)).page(after and after.rid, size)
        return [Place((None,), rid) for rid in found]

    # --- the whole set -------------------------------------------------------------------------------------------------

    async def _whole(
        self, after: Place | None, size: int, conditions: Sequence[Condition] | None = None
    ) -> list[Place]:
        await self._sets.by_planner()
        bind = Binder()
        inner = full(self._conditions if conditions is None else conditions, self._scope, bind)
        joins, names, order = "", list[str](), list[str]()
        for place, key in enumerate(self._sort):
            joins += f" left join ({self._column(key, bind)}) s{place} on s{place}.rid = x.rid"
            names.append(f"s{place}.k")
            order.append(f"s{place}.k{' desc' if key.descending else ''} nulls last")
        backwards = self._sort[0].descending
        order.append("case when s0.k is null then x.rid else -x.rid end" if backwards else "x.rid")
        where = "" if after is None else f" where {self._later(after, bind)}"
        text = (
            f"select x.rid, {', '.join(names)} from (select distinct rid from ({inner}) y) x{joins}{where}"
            f" order by {', '.join(order)} limit {size}"
        )
        return [Place(tuple(row)[1:], row[0]) for row in await self._conn.fetch(text, *bind.values)]

    def _column(self, key: SortKey, bind: Binder) -> str:
        value = _VALUES[key.by]
        if key.by in ("updated", "id"):
            return f"select rid, {value} as k from fhir.resource where {bind.is_type('type', (self._scope.type,))}"
        where = bind.is_param(key.keys) + _whole_value(key.by)
        if key.single:
            return f"select rid, {value} as k from fhir.{key.by} where {where}"
        best = f"max({value})" if key.descending else f"min({value})"
        return f"select rid, {best} as k from fhir.{key.by} where {where} group by rid"

    def _later(self, after: Place, bind: Binder) -> str:
        """The places beyond this one: some key is beyond, all before it are equal."""
        options: list[str] = []
        equal = ""
        for place, (value, key) in enumerate(zip(after.values, self._sort, strict=True)):
            column = f"s{place}.k"
            if value is None:
                equal += f"{column} is null and "
                continue
            bound = _typed(value, bind)
            sign = "<" if key.descending else ">"
            options.append(f"({equal}({column} {sign} {bound} or {column} is null))")
            equal += f"{column} = {bound} and "
        backwards = self._sort[0].descending and after.values[0] is not None
        options.append(f"({equal}x.rid {'<' if backwards else '>'} {bind.big(after.rid)})")
        return "(" + " or ".join(options) + ")"


def _is_one_target(condition: Condition) -> bool:
    match condition:
        case Match(table="reference", groups=((RefersTo(rids=(_,)),),)):
            return True
        case _:
            return False


def _whole_value(table: str) -> str:
    """Of a string's rows only the one with the whole value counts."""
    return " and exact is not null" if table == "string" else ""


def _table(key: SortKey) -> Table:
    if key.by in ("updated", "id"):
        raise ValueError(key.by)
    return key.by


def _typed(value: float | str, bind: Binder) -> str:
    match value:
        case int():
            return bind.big(value)
        case float():
            return bind.float(value)
        case str():
            return bind.text(value)
