"""`_include` and `_revinclude`: what the matches point to, and what points to them. One question per round.

Included resources are never matches of the page and never come twice. Their number is bounded; when there would be
more, the page says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kuska.fhir.domain.search.tree import Include
from kuska.fhir.store.search.binding import Binder
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


async def included(
    conn: Read, includes: Sequence[Include], matches: Collection[tuple[int, int]], types: Mapping[int, int]
) -> Included:
    """`matches` and what is found are (type, rid). `types`: the type whose parameter a key is."""
    seen = {rid for _, rid in matches}
    found: list[tuple[int, int]] = []
    fresh = list(matches)
    for turn in range(_ROUNDS):
        asked = [include for include in includes if turn == 0 or include.iterate]
        if not asked or not fresh:
            break
        following: list[tuple[int, int]] = []
        for include in asked:
            for pair in await _follow(conn, include, _Round(fresh, seen, MOST_INCLUDES - len(found) + 1), types):
                if pair[1] not in seen:
                    seen.add(pair[1])
                    following.append(pair)
                    found.append(pair)
            if len(found) > MOST_INCLUDES:
                return Included(found[:MOST_INCLUDES], True)
        fresh = following
    return Included(found, False)


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
