"""Sets of rids as SELECTs over one index table each: whole, a piece in order of rid, or among given candidates.

Every statement touches one table and names no other, so that any planner does it the one sensible way and Citus sends
it to the shards as it is. The results are combined in sets.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from kuska.fhir.domain.search.tree import Ids, Match, Present, RefersTo, Table, Test, TokenIs, Updated
from kuska.fhir.store.search.binding import Binder
from kuska.fhir.store.search.predicates import arms, exact, has_trigrams, narrow, wide

# More arms than this, and one scan with a longer filter is better than a union.
_MOST_ARMS = 40

# More tests than this, and they are a list to look into.
_FEW_TESTS = 8

# Conditions that one table answers.
Plain = Match | Present | Updated | Ids


@dataclass(frozen=True, slots=True)
class Scope:
    """What kind of resource is looked for, and the one bucket it must be in, if that is known."""

    type: int
    bucket: int | None = None


def whole(condition: Plain, scope: Scope, bind: Binder) -> str:
    """All rids, some perhaps more than once."""
    return _union(
        [
            f"select rid from {place} where {clause}{_in(scope.bucket, bind)}"
            for place, clause in _parts(condition, scope.type, bind)
        ]
    )


def first(condition: Plain, scope: Scope, bind: Binder, limit: int) -> str:
    """Any `limit` of them."""
    return f"select rid from ({whole(condition, scope, bind)}) x limit {limit}"


def ordered(condition: Plain, scope: Scope, bind: Binder, limit: int, after: int | None) -> str:
    """The first `limit` different ones greater than `after`, in order."""
    place = "" if after is None else f" and rid > {bind.big(after)}"
    if comes_ordered(condition):
        pieces = [
            f"(select rid from {table} where {clause}{place}{_in(scope.bucket, bind)} order by rid limit {limit})"
            for table, clause in _parts(condition, scope.type, bind)
        ]
        return (
            pieces[0][1:-1] if len(pieces) == 1 else f"select rid from ({_union(pieces)}) x order by rid limit {limit}"
        )
    parts = _parts(condition, scope.type, bind)
    rows = _union(
        [f"select rid from {table} where {clause}{place}{_in(scope.bucket, bind)}" for table, clause in parts]
    )
    distinct = "" if len(parts) == 1 and isinstance(condition, Match) and condition.single else "distinct "
    return f"select {distinct}rid from ({rows}) x order by rid limit {limit}"


def among(condition: Plain, scope: Scope, bind: Binder, rids: str) -> str:
    """Those of the candidates (`rids`: a bound array) that fulfil it."""
    match condition:
        case Match():
            groups = " and ".join(_any_of(group, bind) for group in condition.groups)
            # Where the index of the value ends with the rid, it is as good as the index of the rid, or better.
            param = bind.is_param(condition.keys) if comes_ordered(condition) else bind.is_param_of(condition.keys)
            where = f"rid = any ({rids}) and {param} and {groups}"
            return f"select rid from fhir.{condition.table} where {where}{_in(scope.bucket, bind)}"
        case Present():
            return _union(
                [
                    f"select rid from fhir.{table} where rid = any ({rids}) and {bind.is_param_of(keys)}"
                    f"{_kinds(table, condition.target_types, bind)}{_in(scope.bucket, bind)}"
                    for table, keys in condition.sources
                ]
            )
        case Updated() | Ids():
            table, clause = _parts(condition, scope.type, bind)[0]
            return f"select rid from {table} where rid = any ({rids}) and {clause}{_in(scope.bucket, bind)}"


def of_type(scope: Scope, bind: Binder, limit: int | None = None, after: int | None = None) -> str:
    """Resources of the type in order of rid."""
    place = "" if after is None else f" and rid > {bind.big(after)}"
    end = "" if limit is None else f" order by rid limit {limit}"
    kind = bind.is_type("type", (scope.type,))
    return f"select rid from fhir.resource where {kind} and not deleted{place}{_in(scope.bucket, bind)}{end}"


def comes_ordered(condition: Plain) -> bool:
    """Does an index deliver its rids in order, one equal value after another?"""
    if not isinstance(condition, Match) or len(condition.groups) != 1:
        return False
    if len(condition.keys) * len(condition.groups[0]) > _MOST_ARMS:
        return False
    if condition.table == "reference":
        return sum(len(getattr(test, "rids", ())) for test in condition.groups[0]) * len(condition.keys) <= _MOST_ARMS
    return condition.table == "token" and all(
        isinstance(test, TokenIs) and test.code is not None for test in condition.groups[0]
    )


# --- parts -----------------------------------------------------------------------------------------------------------


def _parts(condition: Plain, type_: int, bind: Binder) -> list[tuple[str, str]]:
    """(table, clause) whose union is the condition's rows."""
    match condition:
        case Match():
            return [(f"fhir.{condition.table}", clause) for clause in _clauses(condition, bind)]
        case Present():
            return [
                (f"fhir.{table}", _present(table, keys, condition.target_types, bind))
                for table, keys in condition.sources
            ]
        case Updated():
            return [("fhir.resource", f"{bind.is_type('type', (type_,))} and not deleted{moments(condition, bind)}")]
        case Ids():
            kind = bind.is_type("type", (type_,))
            return [("fhir.resource", f"{kind} and rid = any ({bind.bigs(condition.rids)}) and not deleted")]


def _clauses(match: Match, bind: Binder) -> list[str]:
    first_group, *others = match.groups
    if comes_ordered(match):
        return [
            f"{bind.is_param((key,))} and {exact(test, bind)}"
            for key, test in product(match.keys, _single_targets(first_group))
        ]
    if len(first_group) * 2 > _MOST_ARMS:
        groups = " and ".join(_any_of(group, bind) for group in match.groups)
        return [f"{bind.is_param(match.keys)} and {groups}"]
    rest = "".join(f" and {_narrow(group, bind)}" for group in others)
    found = [f"{_param(match, test, bind)} and {arm}{rest}" for test in first_group for arm in arms(test, bind)]
    special = {clause for group in match.groups for test in group if (clause := wide(test))}
    for clause in special:
        groups = " and ".join(_any_of(group, bind) for group in match.groups)
        found.append(f"{bind.is_param(match.keys)} and {clause} and {groups}")
    return found


def _param(match: Match, test: Test, bind: Binder) -> str:
    """No plan starts at the parameter where the index of parts of texts is the one to use."""
    return bind.is_param_of(match.keys) if has_trigrams(test) else bind.is_param(match.keys)


def _single_targets(tests: Sequence[Test]) -> list[Test]:
    found: list[Test] = []
    for test in tests:
        found += [RefersTo((rid,)) for rid in test.rids] if isinstance(test, RefersTo) else [test]
    return found


def _narrow(group: Sequence[Test], bind: Binder) -> str:
    return narrow(group[0], bind) if len(group) == 1 else _any_of(group, bind)


def _any_of(group: Sequence[Test], bind: Binder) -> str:
    """The tests of a group as one clause."""
    if not group:
        return "false"
    if len(group) == 1:
        return exact(group[0], bind)
    codes = [test.code for test in group if isinstance(test, TokenIs) and test.system is None and test.code is not None]
    if len(codes) == len(group):
        return f"code = any ({bind.texts(codes)})"
    if len(group) > _FEW_TESTS and all(isinstance(t, TokenIs) and None not in (t.code, t.system) for t in group):
        return _pairs(group, bind)
    if all(isinstance(test, RefersTo) for test in group):
        return f"target = any ({bind.bigs([rid for test in group if isinstance(test, RefersTo) for rid in test.rids])})"
    return "(" + " or ".join(f"({exact(test, bind)})" for test in group) + ")"


def _pairs(group: Sequence[Test], bind: Binder) -> str:
    tokens = [(test.system or 0, test.code or "") for test in group if isinstance(test, TokenIs)]
    codes = bind.texts([code for _, code in tokens])
    pairs = f"select s, c from unnest({bind.ints([system for system, _ in tokens])}, {codes}) as u (s, c)"
    return f"code = any ({codes}) and (system, code) in ({pairs})"


def _present(table: Table, keys: Sequence[int], types: Sequence[int], bind: Binder) -> str:
    return bind.is_param(keys) + _kinds(table, types, bind)


def _kinds(table: Table, types: Sequence[int], bind: Binder) -> str:
    return f" and {bind.is_type('target_type', types)}" if types and table == "reference" else ""


def moments(condition: Updated, bind: Binder) -> str:
    low = "" if condition.low is None else f" and updated >= {bind.moment(condition.low)}"
    return low if condition.high is None else f"{low} and updated < {bind.moment(condition.high)}"


def _in(bucket: int | None, bind: Binder) -> str:
    return "" if bucket is None else f" and bucket = {bind.small(bucket)}"


def _union(selects: Sequence[str]) -> str:
    return " union all ".join(selects)
