"""Sets of rids: small ones whole, and those among candidates that fulfil conditions.

The plan of a search is made here and in walks.py, not by the database's planner: which set is small is found out by
looking (at most FEW rows of each), never by statistics, so a fresh load or a skewed code cannot turn a plan bad.
Chains and `_has` are followed set by set from the inside out as long as the sets are small.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kuska.fhir.domain.search.tree import (
    AllOf,
    AnyOf,
    Canonical,
    Chain,
    Condition,
    Ids,
    Match,
    Named,
    Not,
    RefersTo,
    Reverse,
    Shown,
    TokenIs,
    Updated,
    joined,
)
from kuska.fhir.store.search import rows
from kuska.fhir.store.search.binding import Binder
from kuska.fhir.store.search.canonicals import MOST_NAMED, named, named_by_all, naming, too_many
from kuska.fhir.store.search.full import full, grounded
from kuska.fhir.store.search.rows import Scope
from kuska.infra.postgres.connection import Read
from kuska.kit.errors import IncorrectError, Issue

# A set of at most so many rids is taken whole.
FEW = 2000
MANY = 20_000
# Candidates are checked in pieces of at most so many.
_PIECE = 4096
# A text may be the display of at most so many codes.
_MOST_CODES = 1000

# References followed from one piece of candidates, at most.
MOST_PAIRS = 20_000

NOTHING = Ids(())
EXISTS = Updated(None, None)


class TooWide(Exception):  # noqa: N818 - no error: a signal to ask in another way
    """The candidates have so many references that the database had better join them itself."""


@dataclass(slots=True)
class Probe:
    """What looking at one condition brought: its first rids, and whether these are all."""

    condition: rows.Plain
    rids: list[int]
    complete: bool


@dataclass(slots=True)
class Probes:
    """`candidates`: rids that fulfil every small condition, None when no condition is small. `rest`: to be checked."""

    candidates: list[int] | None
    rest: list[Condition]
    large: list[Probe] = field(default_factory=list[Probe])  # those of `rest` whose beginnings are known, in order


class Sets:
    def __init__(self, conn: Read) -> None:
        self._conn = conn

    async def arrays(self, selects: Sequence[str], bind: Binder) -> list[list[int]]:
        """The rids of several SELECTs in one round trip."""
        row = await self._conn.fetchrow("select " + ", ".join(f"array({text})" for text in selects), *bind.values)
        return [list(column or ()) for column in row] if row is not None else []

    async def by_planner(self) -> None:
        """The next statements, to the end of the transaction, are the planner's: it has to see their values."""
        await self._conn.fetchval("select set_config('plan_cache_mode', 'force_custom_plan', true)")

    # --- chains, from the inside out -----------------------------------------------------------------------------------

    async def resolved(self, conditions: Iterable[Condition], type_: int) -> list[Condition]:
        """The same conditions with every chain whose inner set is small replaced by that set."""
        return list(joined([await self._resolve(condition, type_) for condition in joined(conditions)]))

    async def _resolve(self, condition: Condition, type_: int) -> Condition:
        match condition:
            case Shown():
                return await self._codes_shown(condition)
            case Chain():
                inner = await self.resolved([condition.inner], condition.target_type)
                rids = await self.few(inner, Scope(condition.target_type))
                if rids is None:
                    return Chain(condition.keys, condition.target_type, _all_of(inner))
                return Match("reference", condition.keys, ((RefersTo(tuple(rids)),),)) if rids else NOTHING
            case Reverse():
                return await self._resolve_reverse(condition, type_)
            case Canonical():
                return await naming(self._conn, condition.link, await self._all(condition))
            case Named():
                return Ids(tuple(await self._named(condition)))
            case Not():
                return Not(await self._resolve(condition.inner, type_))
            case AllOf():
                return _all_of(await self.resolved(condition.conditions, type_))
            case AnyOf():
                return AnyOf(tuple([_all_of(await self.resolved([part], type_)) for part in condition.conditions]))
            case _:
                return condition

    async def _all(self, condition: Canonical) -> list[int]:
        """Whole, however common: what has a canonical URL is never very much."""
        scope = Scope(condition.link.target_type)
        inner = await self.resolved([condition.inner], scope.type)
        for look in (self.few, self.many):
            if (found := await look(inner, scope)) is not None:
                return found
        bind = Binder()
        [every] = await self.arrays([rows.of_type(scope, bind, MOST_NAMED + 1)], bind)
        if len(every) > MOST_NAMED:
            raise too_many()
        return await self.keep(inner, scope, every)

    async def _named(self, condition: Named) -> list[int]:
        scope = Scope(condition.link.source_type)
        inner = await self.resolved([condition.inner], scope.type)
        sources = await self.few(inner, scope)
        if sources is not None:
            return await named(self._conn, condition.link, sources)
        bind = Binder()
        return await named_by_all(self._conn, condition.link, full(inner, scope, bind), bind)

    async def _resolve_reverse(self, condition: Reverse, type_: int) -> Condition:
        inner = await self.resolved([condition.inner], condition.source_type)
        sources = await self.few(inner, Scope(condition.source_type))
        if sources is None:
            return Reverse(condition.keys, condition.source_type, _all_of(inner))
        if not sources:
            return NOTHING
        bind = Binder()
        text = (
            f"select distinct target from fhir.reference where rid = any ({bind.bigs(sources)})"
            f" and {bind.is_param_of(condition.keys)} and {bind.is_type('target_type', (type_,))} limit {FEW + 1}"
        )
        targets = (await self.arrays([text], bind))[0]
        if len(targets) <= FEW:
            return Ids(tuple(targets))
        return Reverse(condition.keys, condition.source_type, Ids(tuple(sources)))

    async def _codes_shown(self, condition: Shown) -> Condition:
        """The codes whose display has all the words, each as the beginning of one."""
        bind = Binder()
        places = " and ".join(f"position({bind.text(' ' + word)} in ' ' || text) > 0" for word in condition.words)
        found = await self._conn.fetch(
            f"select distinct system, code from fhir.display where system <> 0 and {places} limit {_MOST_CODES + 1}",
            *bind.values,
        )
        if len(found) > _MOST_CODES:
            params: dict[str, object] = {"limit": _MOST_CODES, "value": " ".join(condition.words)}
            raise IncorrectError(Issue(code="too-costly", message="search.too-many-texts", params=params))
        tests = tuple(TokenIs(row[1], row[0]) for row in found)
        return Match("token", (*condition.keys, *condition.text_keys), (tests,)) if tests else NOTHING

    # --- small sets --------------------------------------------------------------------------------------------------

    async def few(self, conditions: Sequence[Condition], scope: Scope) -> list[int] | None:
        """All rids that fulfil the (resolved) conditions, in order; None when that is not known to be a small set."""
        try:
            probes = await self.probe(conditions, scope)
            return None if probes.candidates is None else await self.keep(probes.rest, scope, probes.candidates)
        except TooWide:
            return None

    async def many(self, conditions: Sequence[Condition], scope: Scope) -> list[int] | None:
        """The same with ten times the patience, for what would else have to be asked of the database whole."""
        looked = [c for c in conditions if isinstance(c, rows.Plain) and _can_look(c, scope)]
        if not looked:
            return None
        bind = Binder()
        arrays = await self.arrays([rows.first(c, scope, bind, MANY + 1) for c in looked], bind)
        small = {place: set(rids) for place, rids in enumerate(arrays) if len(rids) <= MANY}
        if not small:
            return None
        taken = [looked[place] for place in small]
        rest = [c for c in conditions if c not in taken]
        try:
            return await self.keep(rest, scope, sorted(set.intersection(*small.values())))
        except TooWide:
            return None

    async def probe(self, conditions: Sequence[Condition], scope: Scope, after: int | None = None) -> Probes:
        """Look at the beginnings of all (resolved) conditions that can be looked at. With `after`, only beyond it."""
        found: list[Probe] = []
        small: list[set[int]] = []
        rest: list[Condition] = []
        looked = [c for c in conditions if _can_look(c, scope)]
        if NOTHING in looked:
            return Probes([], [])
        for probe in await self._look(looked, scope, after):
            if probe.complete:
                small.append(set(probe.rids))
            else:
                rest.append(probe.condition)
                if rows.comes_ordered(probe.condition):
                    found.append(probe)
        for condition in conditions:
            if _can_look(condition, scope):
                continue
            union = await self._union(condition, scope) if isinstance(condition, AnyOf) else None
            if union is None:
                rest.append(condition)
            else:
                small.append(union)
        if not small:
            return Probes(None, rest, found)
        candidates = set.intersection(*small)
        if after is not None:
            candidates = {rid for rid in candidates if rid > after}
        return Probes(sorted(candidates), rest)

    async def guided(self, probes: Probes, scope: Scope, after: int | None) -> Probes:
        """With the beginnings of weaker conditions that an index delivers in order, where some condition has one."""
        guides = [c.guide for c in probes.rest if isinstance(c, Match) and c.guide and rows.comes_ordered(c.guide)]
        return replace(probes, large=await self._look(guides, scope, after))

    async def _look(self, conditions: Sequence[Condition], scope: Scope, after: int | None) -> list[Probe]:
        plain = [c for c in conditions if isinstance(c, rows.Plain)]
        if not plain:
            return []
        bind = Binder()
        selects = [
            rows.ordered(c, scope, bind, FEW + 1, after)
            if rows.comes_ordered(c)
            else rows.first(c, scope, bind, FEW + 1)
            for c in plain
        ]
        arrays = await self.arrays(selects, bind)
        return [Probe(c, rids, len(rids) <= FEW) for c, rids in zip(plain, arrays, strict=True)]

    async def _union(self, condition: AnyOf, scope: Scope) -> set[int] | None:
        found: set[int] = set()
        for part in condition.conditions:
            rids = await self.few(part.conditions if isinstance(part, AllOf) else [part], scope)
            if rids is None:
                return None
            found.update(rids)
        return found

    # --- candidates --------------------------------------------------------------------------------------------------

    async def keep(self, conditions: Sequence[Condition], scope: Scope, rids: Sequence[int]) -> list[int]:
        """Those of the candidates that fulfil all conditions, in the order given."""
        if not conditions or not rids:
            return list(rids)
        kept: list[int] = []
        for start in range(0, len(rids), _PIECE):
            kept += await self._keep_piece(conditions, scope, rids[start : start + _PIECE])
        return kept

    async def _keep_piece(self, conditions: Sequence[Condition], scope: Scope, rids: Sequence[int]) -> list[int]:
        left = list(rids)
        plain = [c for c in conditions if _is_plain(c)]
        if plain:
            bind = Binder()
            candidates = bind.bigs(left)
            selects = [rows.among(_positive(c), scope, bind, candidates) for c in plain]
            for condition, found in zip(plain, await self.arrays(selects, bind), strict=True):
                passed = set(found)
                wanted = not isinstance(condition, Not)
                left = [rid for rid in left if (rid in passed) is wanted]
        for condition in conditions:
            if left and not _is_plain(condition):
                passed = await self._passing(condition, scope, left)
                left = [rid for rid in left if rid in passed]
        return left

    async def _passing(self, condition: Condition, scope: Scope, rids: Sequence[int]) -> set[int]:
        match condition:
            case Not():
                return set(rids) - set(await self.keep([condition.inner], scope, rids))
            case AllOf():
                return set(await self.keep(condition.conditions, scope, rids))
            case AnyOf():
                found: set[int] = set()
                for part in condition.conditions:
                    left = [rid for rid in rids if rid not in found]
                    found.update(await self.keep([part], scope, left))
                return found
            case Chain():
                bind = Binder()
                where = f"rid = any ({bind.bigs(rids)}) and {bind.is_param_of(condition.keys)}"
                pairs = await self._pairs("rid", "target", where, bind)
                # What is not there fulfils nothing, not even a negation.
                inner = [condition.inner] if grounded(condition.inner) else [EXISTS, condition.inner]
                return await self._linked(pairs, inner, Scope(condition.target_type))
            case Reverse():
                bind = Binder()
                where = f"target = any ({bind.bigs(rids)}) and {bind.is_param(condition.keys)}"
                if isinstance(condition.inner, Ids):
                    where += f" and rid = any ({bind.bigs(condition.inner.rids)})"
                pairs = await self._pairs("target", "rid", where, bind)
                return await self._linked(pairs, [condition.inner], Scope(condition.source_type))
            case _:
                return set(await self.keep([condition], scope, rids))

    async def _pairs(self, here: str, there: str, where: str, bind: Binder) -> list[tuple[int, int]]:
        inner = f"select {here} as here, {there} as there from fhir.reference where {where} limit {MOST_PAIRS + 1}"
        row: Any = await self._conn.fetchrow(
            f"select array_agg(here) as here, array_agg(there) as there from ({inner}) x", *bind.values
        )
        pairs: list[tuple[int, int]] = list(zip(row["here"] or (), row["there"] or (), strict=True))
        if len(pairs) > MOST_PAIRS:
            raise TooWide
        return pairs

    async def _linked(self, pairs: Sequence[tuple[int, int]], inner: Sequence[Condition], scope: Scope) -> set[int]:
        """The near ends of the pairs whose far end fulfils `inner`."""
        good = set(await self.keep(inner, scope, list(dict.fromkeys(far for _, far in pairs))))
        return {near for near, far in pairs if far in good}


def _all_of(conditions: Sequence[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else AllOf(tuple(conditions))


def _is_plain(condition: Condition) -> bool:
    """Can one table answer it, or deny it?"""
    return isinstance(_positive(condition), rows.Plain)


def _positive(condition: Condition) -> Any:
    return condition.inner if isinstance(condition, Not) else condition


def _can_look(condition: Condition, scope: Scope) -> bool:
    """In one patient's bucket only what names that patient is looked at: other indexes know nothing of buckets."""
    if scope.bucket is None:
        return isinstance(condition, rows.Plain)
    if isinstance(condition, Match):
        return condition.table == "reference" and all(isinstance(test, RefersTo) for test in condition.groups[0])
    return isinstance(condition, Ids)
