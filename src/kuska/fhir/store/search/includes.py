"""`_include` and `_revinclude`: what the matches point to, and what points to them. One question per round.

Included resources are never matches of the page and never come twice. Their number is bounded; when there would be
more, the page says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kuska.fhir.domain.search.everything import by_type
from kuska.fhir.domain.search.tree import Condition, Find, Ids, Include, Match, Not, RefersTo
from kuska.fhir.store.search.binding import Binder
from kuska.fhir.store.search.canonicals import named, naming
from kuska.fhir.store.search.rows import Scope
from kuska.fhir.store.search.sets import Sets
from kuska.fhir.store.search.walks import Walk
from kuska.infra.postgres.connection import Read

MOST_INCLUDES = 1000
# Rounds of `:iterate`; a cycle ends by itself because nothing comes twice.
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Included:
    rids: list[tuple[int, int]]  # (type, rid)
    cut: bool  # there would have been more


@dataclass(frozen=True, slots=True)
class _Round:
    start: Sequence[tuple[int, int]]
    seen: Collection[int]  # never brought again
    limit: int


@dataclass(frozen=True, slots=True)
class Known:
    types: Mapping[int, int]  # the type whose parameter a key is
    within: Callable[[int], Sequence[Condition]]  # what the caller's rights ask of a type


async def included(
    conn: Read, includes: Sequence[Include], matches: Collection[tuple[int, int]], known: Known
) -> Included:
    """`matches` and what is found are (type, rid). What the caller may not see is not followed either, and not counted."""
    seen = {rid for _, rid in matches}
    found: list[tuple[int, int]] = []
    fresh = list(matches)
    for turn in range(_ROUNDS):
        asked = [include for include in includes if turn == 0 or include.iterate]
        if not asked or not fresh:
            break
        following: list[tuple[int, int]] = []
        for include in asked:
            round_ = _Round(fresh, seen, MOST_INCLUDES - len(found) + 1)
            for pair in (*await _seen(conn, include, round_, known), *await _by_url(conn, include, round_, known)):
                if pair[1] not in seen:
                    seen.add(pair[1])
                    following.append(pair)
                    found.append(pair)
            if len(found) > MOST_INCLUDES:
                return Included(found[:MOST_INCLUDES], True)
        fresh = following
    return Included(found, False)


async def _seen(conn: Read, include: Include, round_: _Round, known: Known) -> list[tuple[int, int]]:
    if include.reverse and (sources := await _bounded_sources(conn, include, round_, known)) is not None:
        return await _pointing(conn, sources, include, round_, known)
    found: list[tuple[int, int]] = []
    looked = set(round_.seen)
    while True:
        pairs = await _follow(conn, include, _Round(round_.start, looked, round_.limit), known.types)
        found += await _kept(conn, pairs, known)
        # Usually the end: a full answer of which something was taken out is asked for its rest.
        if len(pairs) < round_.limit or len(found) >= round_.limit:
            return found[: round_.limit]
        looked.update(rid for _, rid in pairs)


async def _by_url(conn: Read, include: Include, round_: _Round, known: Known) -> list[tuple[int, int]]:
    """What canonicals name, or what names these by a canonical."""
    found: list[tuple[int, int]] = []
    if not include.links:
        return found
    start = by_type(round_.start)
    for link in include.links:
        rids = start.get(link.target_type if include.reverse else link.source_type)
        if not rids:
            continue
        if include.reverse:
            condition = await naming(conn, link, rids)
            conditions = (condition, *known.within(link.source_type), Not(Ids(tuple(round_.seen))))
            walk = Walk(Sets(conn), Find(link.source_type, conditions))
            found += [(link.source_type, rid) for rid in await walk.page(None, round_.limit)]
        else:
            pairs = [(link.target_type, rid) for rid in await named(conn, link, rids) if rid not in round_.seen]
            found += await _kept(conn, pairs, known)
    return found


async def _kept(conn: Read, pairs: Sequence[tuple[int, int]], known: Known) -> list[tuple[int, int]]:
    sets = Sets(conn)
    passed: set[int] = set()
    for type_, rids in by_type(pairs).items():
        conditions = known.within(type_)
        passed.update(await sets.keep(conditions, Scope(type_), rids) if conditions else rids)
    return [pair for pair in pairs if pair[1] in passed]


async def _bounded_sources(
    conn: Read, include: Include, round_: _Round, known: Known
) -> Mapping[int, tuple[int, ...]] | None:
    """The keys that point here, by their type; None when the caller's rights ask nothing of those types."""
    rids = [rid for type_, rid in round_.start if not include.target_types or type_ in include.target_types]
    keys = include.keys
    if not keys:
        bind = Binder()
        text = f"select distinct param from fhir.reference where target = any ({bind.bigs(rids)})"
        keys = tuple(row[0] for row in await conn.fetch(text, *bind.values)) if rids else ()
    by_source: dict[int, tuple[int, ...]] = {}
    for key in keys:
        if key in known.types:
            by_source[known.types[key]] = (*by_source.get(known.types[key], ()), key)
    return by_source if any(known.within(type_) for type_ in by_source) else None


async def _pointing(
    conn: Read, sources: Mapping[int, tuple[int, ...]], include: Include, round_: _Round, known: Known
) -> list[tuple[int, int]]:
    """What points here and the caller may see, asked for as a search: somebody else's thousands cost nothing."""
    rids = tuple(rid for type_, rid in round_.start if not include.target_types or type_ in include.target_types)
    found: list[tuple[int, int]] = []
    if not rids:
        return found
    for type_, keys in sorted(sources.items()):
        conditions = (
            Match("reference", keys, ((RefersTo(rids),),)),
            *known.within(type_),
            Not(Ids(tuple(round_.seen))),
        )
        size = round_.limit - len(found)
        if size > 0:
            found += [(type_, rid) for rid in await Walk(Sets(conn), Find(type_, conditions)).page(None, size)]
    return found


async def _follow(conn: Read, include: Include, round_: _Round, types: Mapping[int, int]) -> list[tuple[int, int]]:
    start, seen, limit = round_.start, round_.seen, round_.limit
    bind = Binder()
    known = f"not ({{}} = any ({bind.bigs(list(seen))}))"
    if include.reverse:
        rids = [rid for type_, rid in start if not include.target_types or type_ in include.target_types]
        where = f"target = any ({bind.bigs(rids)}) and {known.format('rid')}"
        if include.keys:
            where += f" and {bind.is_param(include.keys)}"
        text = f"select rid, min(param) from fhir.reference where {where} group by rid order by rid limit {limit}"
        pointing: list[Any] = await conn.fetch(text, *bind.values) if rids else []
        return [(types[row[1]], row[0]) for row in pointing]
    rids = [rid for type_, rid in start if include.source_type in (None, type_)]
    where = f"rid = any ({bind.bigs(rids)}) and target_type <> 0 and {known.format('target')}"
    if include.keys:
        where += f" and {bind.is_param(include.keys)}"
    if include.target_types:
        where += f" and {bind.is_type('target_type', include.target_types)}"
    text = f"select distinct target_type, target from fhir.reference where {where} order by 1, 2 limit {limit}"
    found: list[Any] = await conn.fetch(text, *bind.values) if rids else []
    return [(row[0], row[1]) for row in found]
