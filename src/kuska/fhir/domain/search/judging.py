"""A condition, decided on one resource's own index rows instead of in the database. Pure.

For what is at hand already: the version that was read, the content that is about to be written. It knows the
conditions that rules of access are made of and nothing else; whatever it does not know is an error, never a yes.
Deciding here and asking the database come to the same (tests/fhir/security/test_properties.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from kuska.fhir.domain.indexing.rows import IndexRows, ReferenceRow, TokenRow
from kuska.fhir.domain.search.tree import AllOf, AnyOf, Condition, Ids, Match, Not, RefersTo, Test, TokenIs


def fulfils(condition: Condition, rid: int, rows: IndexRows) -> bool:
    match condition:
        case Match(table="token"):
            return any(row[0] in condition.keys and _token_passes(condition.groups, row) for row in rows.tokens)
        case Match(table="reference"):
            return any(row[0] in condition.keys and _reference_passes(condition.groups, row) for row in rows.references)
        case Ids():
            return rid in condition.rids
        case Not():
            return not fulfils(condition.inner, rid, rows)
        case AllOf():
            return all(fulfils(part, rid, rows) for part in condition.conditions)
        case AnyOf():
            return any(fulfils(part, rid, rows) for part in condition.conditions)
        case _:
            raise TypeError(type(condition).__name__)


def decidable(condition: Condition) -> bool:
    """Is it one of those that `fulfils` knows?"""
    match condition:
        case Match(table="token"):
            return all(isinstance(test, TokenIs) for group in condition.groups for test in group)
        case Match(table="reference"):
            return all(isinstance(test, RefersTo) for group in condition.groups for test in group)
        case Ids():
            return True
        case Not():
            return decidable(condition.inner)
        case AllOf() | AnyOf():
            return all(decidable(part) for part in condition.conditions)
        case _:
            return False


def _token_passes(groups: Sequence[Sequence[Test]], row: TokenRow) -> bool:
    return all(any(_is_token(test, row) for test in group) for group in groups)


def _is_token(test: Test, row: TokenRow) -> bool:
    if not isinstance(test, TokenIs):
        raise TypeError(type(test).__name__)
    return test.code in (None, row[2]) and test.system in (None, row[1])


def _reference_passes(groups: Sequence[Sequence[Test]], row: ReferenceRow) -> bool:
    return all(any(_refers(test, row) for test in group) for group in groups)


def _refers(test: Test, row: ReferenceRow) -> bool:
    if not isinstance(test, RefersTo):
        raise TypeError(type(test).__name__)
    return row[1] in test.rids
