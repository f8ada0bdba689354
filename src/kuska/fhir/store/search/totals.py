"""How many resources fulfil the conditions: exactly, or as the database's planner guesses."""

from __future__ import annotations

import json
from typing import Any

from kuska.fhir.domain.search.tree import Find, Ids, Match
from kuska.fhir.store.search import rows
from kuska.fhir.store.search.binding import Binder
from kuska.fhir.store.search.full import full
from kuska.fhir.store.search.rows import Scope
from kuska.fhir.store.search.sets import Sets
from kuska.infra.postgres.connection import Read


async def accurate(conn: Read, sets: Sets, find: Find) -> int:
    """Of resolved conditions."""
    if not find.conditions:
        return await _all(conn, find.type, find.bucket)
    few = await sets.few(find.conditions, Scope(find.type, find.bucket))
    if few is not None:
        return len(few)
    await sets.by_planner()
    bind = Binder()
    return int(await conn.fetchval(f"select count(*) from ({_distinct(find, bind)}) x", *bind.values))


async def estimate(conn: Read, sets: Sets, find: Find) -> int:
    """Exact when it is a small set."""
    if find.conditions:
        few = await sets.few(find.conditions, Scope(find.type, find.bucket))
        if few is not None:
            return len(few)
    bind = Binder()
    inner = _distinct(find, bind) if find.conditions else rows.of_type(Scope(find.type, find.bucket), bind)
    plan: Any = await conn.fetchval(f"explain (format json) {inner}", *bind.values)
    return int(json.loads(plan)[0]["Plan"]["Plan Rows"])


async def _all(conn: Read, type_: int, bucket: int | None) -> int:
    """Counted in indexes alone: all rows of the type less the deleted ones."""
    bind = Binder()
    place = "" if bucket is None else f" and bucket = {bind.small(bucket)}"
    kind = bind.is_type("type", (type_,))
    everything: int = await conn.fetchval(f"select count(*) from fhir.resource where {kind}{place}", *bind.values)
    deleted: int = await conn.fetchval(
        f"select count(*) from fhir.resource where {kind}{place} and deleted", *bind.values
    )
    return everything - deleted


def _distinct(find: Find, bind: Binder) -> str:
    only = find.conditions[0]
    if len(find.conditions) == 1 and isinstance(only, rows.Plain):
        whole = rows.whole(only, Scope(find.type, find.bucket), bind)
        once = isinstance(only, Ids) or (isinstance(only, Match) and only.single and " union all " not in whole)
        return whole if once else f"select distinct rid from ({whole}) y"
    return f"select distinct rid from ({full(find.conditions, Scope(find.type, find.bucket), bind)}) y"
