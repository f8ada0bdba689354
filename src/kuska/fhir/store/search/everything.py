"""Pages of $everything: first the resource itself, then its compartment by rid, then what these point to.

Every page reads the list of members anew (one patient's resources are in one place of one index), so that nothing is
kept between pages and a page costs what the patient has, not what the record has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kuska.fhir.domain.search.everything import Everything, by_type
from kuska.fhir.store.search.binding import Binder
from kuska.fhir.store.search.rows import Scope
from kuska.fhir.store.search.sets import Sets
from kuska.infra.postgres.connection import Read

# Parts of the list, in their order.
ITSELF, MEMBERS, BESIDE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Piece:
    part: int
    type: int
    rid: int


async def page(conn: Read, asked: Everything, after: tuple[int, int] | None, size: int) -> list[Piece]:
    """The next `size` pieces beyond (part, rid)."""
    part, place = after or (ITSELF, None)
    sets = Sets(conn)
    found: list[Piece] = []
    members = await _members(conn, asked)
    if after is None and asked.type in asked.types:
        found += [Piece(ITSELF, *one) for one in await _kept(sets, asked, [(asked.type, asked.rid)])]
    if part <= MEMBERS:
        later = [one for one in members if part < MEMBERS or place is None or one[1] > place]
        found += [Piece(MEMBERS, *one) for one in await _first(sets, asked, later, size - len(found))]
    if len(found) < size:
        own = [(asked.type, asked.rid), *members]
        beside = await _beside(conn, asked, await _kept(sets, asked, own))
        later = [one for one in beside if part < BESIDE or place is None or one[1] > place]
        found += [Piece(BESIDE, *one) for one in await _first(sets, asked, later, size - len(found))]
    return found[:size]


async def _members(conn: Read, asked: Everything) -> list[tuple[int, int]]:
    """(type, rid) of all members but the resource itself, by rid."""
    if not asked.keys:
        return []
    bind = Binder()
    text = (
        "select array_agg(rid) as r, array_agg(param) as p from fhir.reference"
        f" where target = {bind.big(asked.rid)} and {bind.is_param(tuple(asked.keys))}"
    )
    row: Any = await conn.fetchrow(text, *bind.values)
    pairs: zip[tuple[int, int]] = zip(row["r"] or (), row["p"] or (), strict=True)
    types = {rid: asked.keys[param] for rid, param in pairs if rid != asked.rid}
    return sorted(((type_, rid) for rid, type_ in types.items()), key=lambda one: one[1])


async def _beside(conn: Read, asked: Everything, own: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What the members point to, by rid."""
    if not asked.beside or not own:
        return []
    bind = Binder()
    rids = [rid for _, rid in own]
    text = (
        "select distinct target_type, target from fhir.reference"
        f" where rid = any ({bind.bigs(rids)}) and {bind.is_type('target_type', sorted(asked.beside))}"
    )
    mine = set(rids)
    return sorted(
        ((row[0], row[1]) for row in await conn.fetch(text, *bind.values) if row[1] not in mine),
        key=lambda one: one[1],
    )


async def _first(sets: Sets, asked: Everything, pieces: Sequence[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    start, step = 0, max(2 * size, 64)
    while start < len(pieces) and len(kept) < size:
        kept += await _kept(sets, asked, pieces[start : start + step])
        start += step
    return kept[: max(size, 0)]


async def _kept(sets: Sets, asked: Everything, pieces: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those that are as asked for, in the same order."""
    passed: set[int] = set()
    for type_, rids in by_type(pieces).items():
        passed.update(await sets.keep(asked.conditions.get(type_, ()), Scope(type_), rids))
    return [piece for piece in pieces if piece[1] in passed]
