"""Sources: paths through JSON, and lists made from them.

Invariants: a list holds one value per FHIR element; a primitive that has only extensions is `VOID` in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kuska.fhir.domain.fhirpath.schema import Step
from kuska.kit.json import Node


class NotCovered(Exception):  # noqa: N818 - not a mistake: the engine takes over
    pass


Around = tuple[Any, Node, Node]  # %context, %resource, %rootResource


class _Void:
    """A primitive without a value. Equal to nothing, not even to itself."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        raise NotCovered


VOID = _Void()
Test = Callable[[Any, Around], bool]
One = Callable[[Any, Around], Any]  # None = nothing there
Many = Callable[[Any, Around], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Source:
    """`many` always works; `one` where there is at most one value; `keys` where it is a property of the focus."""

    types: tuple[str, ...]
    many: Many
    one: One | None = None
    exists: Test | None = None
    keys: frozenset[str] | None = None


def there(source: Source) -> Test:
    if source.keys is not None:
        return any_key(source.keys)
    if source.exists is not None:
        return source.exists
    if source.one is not None:
        one = source.one
        return lambda n, a: one(n, a) is not None
    many = source.many
    return lambda n, a: bool(many(n, a))


def any_key(keys: frozenset[str]) -> Test:
    match tuple(sorted(keys)):
        case (key,):
            return lambda n, a: key in n  # noqa: ARG005
        case (key, other):
            return lambda n, a: key in n or other in n  # noqa: ARG005
        case _:
            return lambda n, a: not keys.isdisjoint(n)  # noqa: ARG005


def focus(types: tuple[str, ...]) -> Source:
    return Source(types, lambda n, a: (n,), lambda n, a: n, lambda n, a: True)  # noqa: ARG005


def fixed(type_: str, place: int) -> Source:
    """%context, %resource, %rootResource: what is at that place of `Around`."""
    return Source((type_,), lambda n, a: (a[place],), lambda n, a: a[place], lambda n, a: True)  # noqa: ARG005


def member(source: Source | None, steps: tuple[Step, ...]) -> Source:
    """`source.name`; None for the focus itself."""
    types = tuple(dict.fromkeys(step.type for step in steps))
    here_many = _many_of(steps)
    here_one = None if any(step.is_list for step in steps) else _one_of(steps)
    keys = frozenset(key for step in steps for key in ((step.key, step.sibling) if step.primitive else (step.key,)))
    if source is None:
        return Source(types, here_many, here_one, None, keys)
    there_now = any_key(keys)
    if source.one is not None:
        outer = source.one
        one = None if here_one is None else _then_one(outer, here_one)
        return Source(types, _then_many(outer, here_many), one, _then_there(outer, there_now))
    outers = source.many

    def many(n: Any, a: Around) -> Sequence[Any]:
        return [value for inner in outers(n, a) for value in here_many(inner, a)]

    def exists(n: Any, a: Around) -> bool:
        for inner in outers(n, a):  # noqa: SIM110 - any() with a generator is slower
            if there_now(inner, a):
                return True
        return False

    return Source(types, many, None, exists)


def _then_one(outer: One, inner: One) -> One:
    def one(n: Any, a: Around) -> Any:
        found = outer(n, a)
        return None if found is None else inner(found, a)

    return one


def _then_many(outer: One, inner: Many) -> Many:
    def many(n: Any, a: Around) -> Sequence[Any]:
        found = outer(n, a)
        return () if found is None else inner(found, a)

    return many


def _then_there(outer: One, inner: Test) -> Test:
    def exists(n: Any, a: Around) -> bool:
        found = outer(n, a)
        return found is not None and inner(found, a)

    return exists


def _one_of(steps: tuple[Step, ...]) -> One:
    if len(steps) != 1:
        ones = [_one_of((step,)) for step in steps]

        def choice(n: Any, a: Around) -> Any:
            for one in ones:
                found = one(n, a)
                if found is not None:
                    return found
            return None

        return choice
    key, sibling = steps[0].key, steps[0].sibling
    if not steps[0].primitive:
        return lambda n, a: n.get(key)  # noqa: ARG005

    def primitive(n: Any, _a: Around) -> Any:
        found = n.get(key)
        return VOID if found is None and sibling in n else found

    return primitive


def _many_of(steps: tuple[Step, ...]) -> Many:
    if len(steps) != 1:
        parts = [_many_of((step,)) for step in steps]
        return lambda n, a: [value for part in parts for value in part(n, a)]
    step = steps[0]
    key, sibling = step.key, step.sibling
    if not step.is_list:
        one = _one_of(steps)

        def single(n: Any, a: Around) -> Sequence[Any]:
            found = one(n, a)
            return () if found is None else (found,)

        return single
    if not step.primitive:
        return lambda n, a: n.get(key, ())  # noqa: ARG005

    def primitives(n: Any, _a: Around) -> Sequence[Any]:
        if sibling in n:
            raise NotCovered
        return n.get(key, ())

    return primitives


def kept(source: Source, test: Test) -> Source:
    """`source.where(test)`"""
    outers = source.many

    def many(n: Any, a: Around) -> Sequence[Any]:
        return [inner for inner in outers(n, a) if test(inner, a)]

    def exists(n: Any, a: Around) -> bool:
        for inner in outers(n, a):  # noqa: SIM110
            if test(inner, a):
                return True
        return False

    return Source(source.types, many, None, exists)


def projected(source: Source, inner: Source) -> Source:
    """`source.select(inner)`"""
    outers, values = source.many, inner.many
    return Source(inner.types, lambda n, a: [value for item in outers(n, a) for value in values(item, a)])


def part(source: Source, start: int, stop: int | None) -> Source:
    """first(), tail(), [0]"""
    many = source.many
    if start == 0 and stop == 1 and source.one is not None:
        return source
    cut = slice(start, stop)
    if stop is None or stop - start != 1:
        return Source(source.types, lambda n, a: many(n, a)[cut])

    def one(n: Any, a: Around) -> Any:
        found = many(n, a)
        return found[start] if len(found) > start else None

    return Source(source.types, lambda n, a: many(n, a)[cut], one)
