"""Judgements and how they combine. https://hl7.org/fhirpath/N1/#boolean-logic

Three-valued logic without a third value at run time: what is neither true nor false fails both closures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kuska.fhir.domain.fhirpath.fast.source import Around, NotCovered, Test, any_key


@dataclass(frozen=True, slots=True)
class Judgement:
    truth: Test
    falsity: Test
    present: frozenset[str] | None = None  # true exactly when one of these properties is there, else false
    absent: frozenset[str] | None = None  # true exactly when none is, else false


def total(truth: Test) -> Judgement:
    """One that is always true or false."""
    return Judgement(truth, lambda n, a: not truth(n, a))


def presence(keys: frozenset[str]) -> Judgement:
    found = any_key(keys)
    return Judgement(found, lambda n, a: not found(n, a), present=keys)


def negated(inner: Judgement) -> Judgement:
    return Judgement(inner.falsity, inner.truth, present=inner.absent, absent=inner.present)


def later() -> Judgement:
    """A part without a fast form: harmless until it is reached."""

    def reached(_n: Any, _a: Around) -> bool:
        raise NotCovered

    return Judgement(reached, reached)


def one_of(judgements: Sequence[Judgement]) -> Judgement:
    """Or"""
    keys = [one.present for one in judgements]
    if None not in keys:
        return presence(frozenset[str]().union(*(key for key in keys if key)))
    return Judgement(_some([one.truth for one in judgements]), _every([one.falsity for one in judgements]))


def all_of(judgements: Sequence[Judgement]) -> Judgement:
    """And"""
    keys = [one.absent for one in judgements]
    if None not in keys:
        return negated(presence(frozenset[str]().union(*(key for key in keys if key))))
    return Judgement(_every([one.truth for one in judgements]), _some([one.falsity for one in judgements]))


def either(one: Judgement, other: Judgement) -> Judgement:
    """Xor"""
    return negated(same(one, other))


def same(one: Judgement, other: Judgement) -> Judgement:
    """One = other"""
    t1, f1, t2, f2 = one.truth, one.falsity, other.truth, other.falsity
    return Judgement(
        lambda n, a: t2(n, a) if t1(n, a) else f1(n, a) and f2(n, a),
        lambda n, a: f2(n, a) if t1(n, a) else f1(n, a) and t2(n, a),
    )


def _some(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda n, a: first(n, a) or second(n, a)

    def some(n: Any, a: Around) -> bool:
        for test in tests:  # noqa: SIM110 - any() with a generator is slower
            if test(n, a):
                return True
        return False

    return some


def _every(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda n, a: first(n, a) and second(n, a)

    def every(n: Any, a: Around) -> bool:
        for test in tests:  # noqa: SIM110
            if not test(n, a):
                return False
        return True

    return every
