"""Composite parameters: one row per pair of values that stand in the same element."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kuska.fhir.domain.definitions.model import Component, SearchParameter, Structure, ValueSet
from kuska.fhir.domain.indexing import values
from kuska.fhir.domain.indexing.dates import Calendar
from kuska.fhir.domain.indexing.keys import fold, token_code
from kuska.fhir.domain.indexing.paths import Path, UnknownExpressionError, paths
from kuska.fhir.domain.indexing.rows import IndexRows
from kuska.fhir.domain.indexing.targets import Targets
from kuska.fhir.domain.indexing.walking import Handler, collector

_Node = dict[str, Any]
# (code2, system2, low, high, unit, dim, clow, chigh)
_Second = tuple[str | None, int | None, float | None, float | None, int | None, int | None, float | None, float | None]
_Read = Callable[[Any], Sequence[Any]]
_Values = Callable[[_Node, _Node], Sequence[Any]]


class Composites:
    def __init__(
        self,
        structures: Mapping[str, Structure],
        value_sets: Mapping[str, ValueSet],
        targets: Targets,
        calendar: Calendar,
    ) -> None:
        self._structures = structures
        self._value_sets = value_sets
        self._targets = targets
        self._dates = calendar.readers

    def of(self, parameter: SearchParameter, base: Path) -> Handler:
        """What adds the rows of one parameter, given the element that its components stand in."""
        components = self._ordered(parameter, base)
        firsts = self._values(components[0], base, parameter.base, self._token)
        if len(components) == 3:
            return _numbers(
                parameter.key,
                firsts,
                self._values(components[1], base, parameter.base, self._number),
                self._values(components[2], base, parameter.base, self._number),
            )
        return _pairs(parameter.key, firsts, self._values(components[1], base, parameter.base, self._second))

    def _ordered(self, parameter: SearchParameter, base: Path) -> Sequence[Component]:
        """R4 has the two expressions of DocumentReference:relationship in each other's place."""
        components = parameter.components
        if components[0].type == "reference" and components[1].type == "token":
            first, second = components
            found = paths(first.expression, base.type, self._structures, parameter.base)
            if not any(path.type == "Reference" for path in found):
                return (
                    Component(first.code, first.type, second.expression),
                    Component(second.code, second.type, first.expression),
                )
        return components

    def _values(
        self, component: Component, base: Path, resource: str, reader: Callable[[str, Path], _Read | None]
    ) -> _Values:
        """All values of one component within an element."""
        parts: list[tuple[bool, Callable[[Any, _Node], list[Any]], _Read]] = []
        for path in paths(component.expression, base.type, self._structures, resource):
            read = reader(component.type, path)
            if read is not None:
                parts.append((path.from_resource, collector(path.steps, self._targets), read))
        if not parts:
            raise UnknownExpressionError(f"{component.code}: {component.expression}")
        if len(parts) == 1 and not parts[0][0]:
            return _of_one(parts[0][1], parts[0][2])

        def every(element: _Node, whole: _Node) -> Sequence[Any]:
            return [
                value
                for from_resource, collect, read in parts
                for item in collect(whole if from_resource else element, whole)
                for value in read(item)
            ]

        return every

    def _token(self, kind: str, path: Path) -> _Read | None:
        """(system, code); a reference as 'Type/id' without a system."""
        if kind == "reference":
            return self._reference if path.type == "Reference" else None
        return values.tokens(path.type, path.element.binding if path.element else None, self._value_sets)

    def _reference(self, value: _Node) -> Sequence[tuple[int, str]]:
        text = self._targets.text(value)
        return () if text is None else ((0, token_code(text)),)

    def _number(self, _kind: str, path: Path) -> _Read | None:
        read = values.NUMBERS.get(path.type)
        return None if read is None else lambda value: _some(read(value))

    def _second(self, kind: str, path: Path) -> _Read | None:
        match kind:
            case "quantity":
                read = values.QUANTITIES.get(path.type)
                return None if read is None else lambda value: [_spanned(span) for span in _some(read(value))]
            case "number":
                read = values.NUMBERS.get(path.type)
                return None if read is None else lambda value: [_spanned(span) for span in _some(read(value))]
            case "date":
                dates = self._dates.get(path.type)
                return None if dates is None else lambda value: [_dated(span) for span in _some(dates(value))]
            case "string":
                return _string if path.type in ("string", "markdown") else None
            case _:
                tokens = self._token(kind, path)
                return None if tokens is None else lambda value: [_coded(token) for token in tokens(value)]


def _of_one(collect: Callable[[Any, _Node], list[Any]], read: _Read) -> _Values:
    def one(element: _Node, resource: _Node) -> Sequence[Any]:
        found = collect(element, resource)
        if not found:
            return ()
        return read(found[0]) if len(found) == 1 else [value for item in found for value in read(item)]

    return one


def _pairs(key: int, firsts: _Values, seconds: _Values) -> Handler:
    def add(element: _Node, rows: IndexRows, resource: _Node) -> None:
        found = seconds(element, resource)
        if found:
            for system, code in firsts(element, resource):
                for second in found:
                    rows.composites.append((key, code, system, *second))

    return add


def _numbers(key: int, firsts: _Values, seconds: _Values, thirds: _Values) -> Handler:
    """Three components: two numbers after the token."""

    def add(element: _Node, rows: IndexRows, resource: _Node) -> None:
        for system, code in firsts(element, resource):
            for second in seconds(element, resource):
                for third in thirds(element, resource):
                    pair = (None, None, second[0], second[1], None, None, third[0], third[1])
                    rows.composites.append((key, code, system, *pair))

    return add


def _some(value: Any) -> Sequence[Any]:
    return () if value is None else (value,)


def _spanned(span: values.Span) -> _Second:
    low, high, unit, code, dim, clow, chigh = span
    return None, code or None, low, high, unit, dim, clow, chigh


def _dated(span: tuple[int, int]) -> _Second:
    return None, None, float(span[0]), float(span[1]), None, None, None, None


def _coded(token: tuple[int, str]) -> _Second:
    return token[1], token[0], None, None, None, None, None, None


def _string(value: str) -> Sequence[_Second]:
    return ((fold(value), None, None, None, None, None, None, None),)
