"""From trees to sources: paths, filters, projections, texts and numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from kuska.fhir.domain.fhirpath import schema
from kuska.fhir.domain.fhirpath.fast.source import (
    VOID,
    Around,
    Many,
    NotCovered,
    One,
    Source,
    Test,
    fixed,
    focus,
    kept,
    member,
    part,
    projected,
)
from kuska.fhir.domain.fhirpath.functions.conversion import to_integer
from kuska.fhir.domain.fhirpath.syntax import Binary, Call, Indexer, Literal, Member, Special, Tree, Variable

Types = tuple[str, ...]
Judge = Callable[[Tree, Types], Test]  # the truth of a tree about a focus of these types
_NUMBERS = frozenset({"integer", "decimal", "positiveInt", "unsignedInt"})
_MOMENTS = frozenset({"date", "dateTime", "instant"})
_NO_TEXTS = _NUMBERS | _MOMENTS | {"boolean", "time"}
_CONSTANTS = {"ucum": "http://unitsofmeasure.org", "sct": "http://snomed.info/sct", "loinc": "http://loinc.org"}


class Sources:
    """`context` is the type of the element the rule is on, `resource` that of the resource around it (None: any)."""

    def __init__(self, context: str, judge: Judge) -> None:
        self._context = context
        self._resource = context if schema.is_resource(context) else context.partition(".")[0]
        self._judge = judge

    def source(self, tree: Tree, types: Types) -> Source:
        match tree:
            case Member(None, name) if any(name in schema.ancestors(type_) for type_ in types):
                return focus(types)
            case Member(None, name):
                return member(None, _steps(types, name))
            case Member(source, name) if source is not None:
                outer = self.source(source, types)
                return member(outer, _steps(outer.types, name))
            case Special("this"):
                return focus(types)
            case Variable("context"):
                return fixed(self._context, 0)
            case Variable("resource"):
                return fixed(self._known_resource(), 1)
            case Indexer(source, Literal(int(place))):
                return part(self.source(source, types), place, place + 1)
            case Call(source, name, arguments):
                outer = focus(types) if source is None else self.source(source, types)
                return self._called(outer, name, arguments)
            case _:
                raise NotCovered

    def _known_resource(self) -> str:
        if not schema.is_resource(self._resource):
            raise NotCovered  # a data type occurs in many resources
        return self._resource

    def _called(self, outer: Source, name: str, arguments: tuple[Tree, ...]) -> Source:
        match name, arguments:
            case "first", ():
                return part(outer, 0, 1)
            case "tail", ():
                return part(outer, 1, None)
            case "trace", _:
                return outer
            case "where", (criteria,):
                return kept(outer, self._judge(criteria, outer.types))
            case "select", (Binary("&", left, right),):
                return _each(outer, self._joined(left, right, outer.types))
            case "select", (inner,):
                return projected(outer, self.source(inner, outer.types))
            case _:
                raise NotCovered

    def _joined(self, left: Tree, right: Tree, types: Types) -> One:
        first, second = self.text(left, types), self.text(right, types)

        def joined(n: Any, a: Around) -> Any:
            one, other = first(n, a), second(n, a)
            return ("" if one is None or one is VOID else one) + ("" if other is None or other is VOID else other)

        return joined

    def text(self, tree: Tree, types: Types) -> One:
        """A single text; None or VOID where there is none."""
        found = constant(tree)
        if isinstance(found, str):
            return lambda n, a: found  # noqa: ARG005
        if isinstance(tree, Binary) and tree.operator == "&":
            return self._joined(tree.left, tree.right, types)
        source = self.source(tree, types)
        if source.one is None or not is_text(source):
            raise NotCovered
        return source.one

    def moment(self, tree: Tree, types: Types) -> One:
        """A single date or date-time, as text."""
        source = self.source(tree, types)
        if source.one is None or not set(source.types) <= _MOMENTS:
            raise NotCovered
        return source.one

    def number(self, tree: Tree, types: Types) -> One:
        """A single number; None where there is none."""
        match tree:
            case Literal(int() | Decimal() as value) if not isinstance(value, bool):
                return lambda n, a: value  # noqa: ARG005
            case Call(source, "count", ()) if source is not None:
                many = self.source(source, types).many
                return lambda n, a: len(many(n, a))
            case Call(source, "toInteger", ()):
                one = self.text(Special("this") if source is None else source, types)
                return lambda n, a: None if (text := one(n, a)) is None or text is VOID else to_integer(text)
            case Binary("+", left, right) if _counts(left) and _counts(right):
                first, second = self.number(left, types), self.number(right, types)
                return lambda n, a: first(n, a) + second(n, a)
            case _:
                source = self.source(tree, types)
                if source.one is None or not set(source.types) <= _NUMBERS:
                    raise NotCovered
                return _valued(source.one)


def _valued(one: One) -> One:
    def valued(n: Any, a: Around) -> Any:
        found = one(n, a)
        if found is None or found is VOID:
            return None
        if found.__class__ is not int and found.__class__ is not Decimal:
            raise NotCovered
        return found

    return valued


def _counts(tree: Tree) -> bool:
    match tree:
        case Call(_, "count", ()):
            return True
        case Binary("+", left, right):
            return _counts(left) and _counts(right)
        case _:
            return False


def _each(outer: Source, inner: One) -> Source:
    items: Many = outer.many

    def many(n: Any, a: Around) -> Sequence[Any]:
        return [inner(item, a) for item in items(n, a)]

    return Source(("string",), many)


def _steps(types: Types, name: str) -> tuple[schema.Step, ...]:
    found: list[schema.Step] = []
    for type_ in types:
        here = schema.structure(type_)
        if here is None or here.kind == "primitive":
            raise NotCovered
        # What all resources have is known without knowing which one it is.
        found.extend(schema.steps("DomainResource" if type_ == "Resource" else type_).get(name, ()))
    unique = tuple(dict.fromkeys(found))
    if not unique or len({step.key for step in unique}) != len(unique):
        raise NotCovered
    return unique


def is_text(source: Source) -> bool:
    return all(schema.is_primitive(type_) and type_ not in _NO_TEXTS for type_ in source.types)


def constant(tree: Tree) -> str | bool | int | Decimal | None:
    """The value of a literal, where it is a plain one."""
    match tree:
        case Literal(str() | bool() | int() | Decimal() as value):
            return value
        case Variable(name):
            return _CONSTANTS.get(name)
        case _:
            return None
