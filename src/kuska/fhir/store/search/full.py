"""A whole set of conditions as one SELECT of rids, by set operations alone.

For what has to look at everything: exact totals of several common conditions, and pages that could not be filled by
walking. Subqueries are never correlated, so Citus runs each on the shards and combines the results.
"""

from __future__ import annotations

from collections.abc import Sequence

from kuska.fhir.domain.search.tree import AllOf, AnyOf, Canonical, Chain, Condition, Ids, Named, Not, Reverse, Shown
from kuska.fhir.store.search.binding import Binder
from kuska.fhir.store.search.rows import Scope, of_type, whole


def full(conditions: Sequence[Condition], scope: Scope, bind: Binder, *, known: bool = False) -> str:
    """All rids of resources of the type that fulfil all conditions; each once or more. `known`: whatever the rids are
    compared with exists, so that they need not be checked for it.
    """
    positive = [c for c in conditions if not isinstance(c, Not)]
    negative = [c.inner for c in conditions if isinstance(c, Not)]
    text = " intersect ".join(f"({_one(condition, scope, bind)})" for condition in positive)
    for condition in negative:
        # Of what is to be taken away the type's own are enough; whether they exist does not matter.
        text = f"({text or of_type(scope, bind)}) except ({_one(condition, scope, bind)})"
    if known or not positive or any(grounded(condition) for condition in positive):
        return text or of_type(scope, bind)
    return f"{of_type(scope, bind)} and rid in ({text})"


def grounded(condition: Condition) -> bool:
    """Are its rids surely those of resources that exist?"""
    match condition:
        case Reverse():
            return False
        case Not():
            return False
        case AllOf():
            return any(grounded(part) for part in condition.conditions)
        case AnyOf():
            return all(grounded(part) for part in condition.conditions)
        case _:
            return True


def _one(condition: Condition, scope: Scope, bind: Binder) -> str:
    match condition:
        case Not():
            return full([condition], scope, bind)
        case AllOf():
            return full(condition.conditions, scope, bind)
        case AnyOf():
            return " union all ".join(f"({_one(part, scope, bind)})" for part in condition.conditions)
        case Chain():
            inner = full([condition.inner], Scope(condition.target_type), bind)
            place = "" if scope.bucket is None else f" and bucket = {bind.small(scope.bucket)}"
            return (
                f"select rid from fhir.reference where {bind.is_param(condition.keys)} and target in ({inner}){place}"
            )
        case Reverse():
            inner = full([condition.inner], Scope(condition.source_type), bind, known=True)
            kind = bind.is_type("target_type", (scope.type,))
            return f"select target as rid from fhir.reference where {bind.is_param(condition.keys)} and {kind} and rid in ({inner})"
        case Shown() | Canonical() | Named():
            raise TypeError("not resolved")
        case Ids(rids=()):
            return "select null::bigint as rid where false"
        case _:
            return whole(condition, scope, bind)
