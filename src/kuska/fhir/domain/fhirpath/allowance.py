"""How much an expression may cost, and what expressions that one sender wrote may cost together.

A limit for each expression alone is none: a patch has many operations, a bundle many patches, and while they are
evaluated nobody else is answered. So `spending()` gives all of a patch one allowance and `together()` all of a bundle.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic

from kuska.fhir.domain.fhirpath.errors import EvaluationLimitError

MAX_STEPS = 1_000_000
MAX_SECONDS = 2.0  # of one expression that is not a sender's
PATCH_SECONDS = 0.5
BUNDLE_SECONDS = 1.0
_PATTERN_SECONDS = 5.0  # of one pattern in a rule of the standard: an emergency brake, far from any real match


class Allowance:
    __slots__ = ("_limit", "_until", "steps")

    def __init__(self, limit: float, seconds: float, steps: int) -> None:
        """`limit`: what the message says; `seconds`: what is left of it."""
        self._limit = limit
        self._until = monotonic() + seconds
        self.steps = steps

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise EvaluationLimitError("too-many-steps", limit=MAX_STEPS)
        if monotonic() > self._until:
            raise EvaluationLimitError("too-long-a-time", limit=self._limit)

    def left(self) -> float:
        return self._until - monotonic()


class _Pool:
    """What is left for the patches that are still to come."""

    __slots__ = ("seconds", "steps")

    def __init__(self) -> None:
        self.seconds = BUNDLE_SECONDS
        self.steps = MAX_STEPS


_current: ContextVar[Allowance | None] = ContextVar("allowance", default=None)
_pool: ContextVar[_Pool | None] = ContextVar("pool", default=None)


def current() -> Allowance:
    """The sender's, or a whole one for this expression alone."""
    return _current.get() or Allowance(MAX_SECONDS, MAX_SECONDS, MAX_STEPS)


def at_most(seconds: float) -> float:
    """`seconds`, or what is left: for what cannot be interrupted but is told beforehand how long it may take."""
    allowance = _current.get()
    if allowance is None:
        return seconds
    left = allowance.left()
    return _PATTERN_SECONDS if left == inf else max(0.001, min(seconds, left))


@contextmanager
def by_steps() -> Generator[None]:
    """For the standard's own rules: whether a resource is valid must not depend on how busy the machine is."""
    token = _current.set(Allowance(inf, inf, MAX_STEPS))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def spending() -> Generator[None]:
    """All that is evaluated inside, together."""
    pool, begun = _pool.get(), monotonic()
    if pool is None:
        allowance = Allowance(PATCH_SECONDS, PATCH_SECONDS, MAX_STEPS)
    elif pool.seconds > 0:
        allowance = Allowance(PATCH_SECONDS, min(PATCH_SECONDS, pool.seconds), pool.steps)
    else:
        raise EvaluationLimitError("too-long-a-time", limit=BUNDLE_SECONDS)
    token = _current.set(allowance)
    try:
        yield
    finally:
        _current.reset(token)
        if pool is not None:
            pool.seconds -= monotonic() - begun
            pool.steps = allowance.steps


@contextmanager
def together() -> Generator[None]:
    """All `spending()` inside, together."""
    token = _pool.set(_Pool())
    try:
        yield
    finally:
        _pool.reset(token)
