"""One walk over a resource for all its parameters: paths merged into a tree, the tree compiled into closures.

Role: `Tree.add(path, handler)` for every path of every parameter, then `Tree.compiled()`. What it gives takes an
element, the rows to add to and the whole resource, visits each property that some path goes through once, and calls
the handlers at the ends. Invariant: a walk costs by what the resource has, not by how many parameters the type has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kuska.fhir.domain.indexing.paths import First, Member, Resolves, Step, Where
from kuska.fhir.domain.indexing.rows import IndexRows
from kuska.fhir.domain.indexing.targets import Targets

Handler = Callable[[Any, IndexRows, dict[str, Any]], None]
_Test = Callable[[Any, dict[str, Any]], bool]


class Tree:
    """What is done at one element, and what below it."""

    def __init__(self) -> None:
        self._handlers: list[Handler] = []
        self._members: dict[str, dict[Step, Tree]] = {}  # property -> how it is entered -> subtree
        self._filtered: dict[Where | Resolves, Tree] = {}

    def add(self, steps: Sequence[Step], handler: Handler) -> None:
        if not steps:
            self._handlers.append(handler)
            return
        step, rest = steps[0], steps[1:]
        match step:
            case Member() if rest and isinstance(rest[0], First):
                self._members.setdefault(step.name, {}).setdefault(First(), Tree()).add(rest[1:], handler)
            case Member():
                self._members.setdefault(step.name, {}).setdefault(step, Tree()).add(rest, handler)
            case Where() | Resolves():
                self._filtered.setdefault(step, Tree()).add(rest, handler)
            case First():
                self.add(rest, handler)  # of a single element: itself

    def compiled(self, targets: Targets) -> Handler:
        handlers = list(self._handlers)
        if self._members:
            members = {name: self._member(entries, targets) for name, entries in self._members.items()}
            handlers.append(_walk(members))
        handlers += [_if(_test(step, targets), tree.compiled(targets)) for step, tree in self._filtered.items()]
        return _all(handlers)

    def _member(self, entries: dict[Step, Tree], targets: Targets) -> Handler:
        handlers: list[Handler] = []
        for step, tree in entries.items():
            below = tree.compiled(targets)
            if isinstance(step, First):
                handlers.append(_first(below))
            else:
                handlers.append(_each(below) if isinstance(step, Member) and step.is_list else below)
        return _all(handlers)


def _walk(members: dict[str, Handler]) -> Handler:
    find = members.get

    def run(element: dict[str, Any], rows: IndexRows, resource: dict[str, Any]) -> None:
        for name, value in element.items():
            handler = find(name)
            if handler is not None:
                handler(value, rows, resource)

    return run


def _all(handlers: Sequence[Handler]) -> Handler:
    if len(handlers) == 1:
        return handlers[0]

    def run(value: Any, rows: IndexRows, resource: dict[str, Any]) -> None:
        for handler in handlers:
            handler(value, rows, resource)

    return run


def _each(below: Handler) -> Handler:
    def run(values: list[Any], rows: IndexRows, resource: dict[str, Any]) -> None:
        for value in values:
            if value is not None:  # a primitive that has only an extension
                below(value, rows, resource)

    return run


def _first(below: Handler) -> Handler:
    def run(values: list[Any], rows: IndexRows, resource: dict[str, Any]) -> None:
        if values and values[0] is not None:
            below(values[0], rows, resource)

    return run


def _if(test: _Test, below: Handler) -> Handler:
    def run(value: Any, rows: IndexRows, resource: dict[str, Any]) -> None:
        if test(value, resource):
            below(value, rows, resource)

    return run


def _test(step: Where | Resolves, targets: Targets) -> _Test:
    if isinstance(step, Where):
        name, wanted = step.name, step.value
        return lambda value, _: value.get(name) == wanted
    type_ = step.type
    return lambda value, resource: targets.points_to(type_, value, resource)


def collector(steps: Sequence[Step], targets: Targets) -> Callable[[Any, dict[str, Any]], list[Any]]:
    """All values at the end of a path, for what needs them together (composites)."""
    if len(steps) == 1 and isinstance(steps[0], Member) and not steps[0].is_list:
        name = steps[0].name

        def one(element: dict[str, Any], _resource: dict[str, Any]) -> list[Any]:
            value = element.get(name)
            return [] if value is None else [value]

        return one
    tree = Tree()
    # Any of the lists serves to bring the values out; one of its own per call, so that threads do not meet in it.
    tree.add(steps, lambda value, sink, _resource: sink.tokens.append(value))
    walk = tree.compiled(targets)

    def every(element: dict[str, Any], resource: dict[str, Any]) -> list[Any]:
        sink = IndexRows()
        walk(element, sink, resource)
        return sink.tokens

    return every
