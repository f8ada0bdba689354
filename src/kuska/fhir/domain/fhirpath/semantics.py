"""What can be said about an expression without data: names its types do not have, arguments that can never fit.

Invariants: only what is certainly wrong is refused; where a type is open (a Resource, a variable, descendants) nothing
is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from kuska.fhir.domain.fhirpath import schema
from kuska.fhir.domain.fhirpath.errors import ExpressionTypeError
from kuska.fhir.domain.fhirpath.functions import FUNCTIONS
from kuska.fhir.domain.fhirpath.functions.registry import Takes
from kuska.fhir.domain.fhirpath.quantity import Quantity
from kuska.fhir.domain.fhirpath.syntax import (
    Binary,
    Call,
    Empty,
    Indexer,
    Literal,
    Member,
    Special,
    Tree,
    TypeTest,
    Unary,
    Variable,
)
from kuska.fhir.domain.fhirpath.temporal import Temporal

_SAME = frozenset(
    {
        "where",
        "first",
        "last",
        "tail",
        "skip",
        "take",
        "single",
        "distinct",
        "trace",
        "intersect",
        "exclude",
        "sort",
        "checkModifiers",
        "defineVariable",
    }
)
_BY_ORDER = frozenset({"first", "last", "tail", "skip", "take"})
_BOOLEAN = frozenset(
    {
        "empty",
        "exists",
        "all",
        "allTrue",
        "anyTrue",
        "allFalse",
        "anyFalse",
        "subsetOf",
        "supersetOf",
        "isDistinct",
        "not",
        "is",
        "startsWith",
        "endsWith",
        "matches",
        "matchesFull",
        "contains",
        "hasValue",
        "memberOf",
        "conformsTo",
        "htmlChecks",
        "comparable",
    }
)
_TEXT = frozenset(
    {
        "startsWith",
        "endsWith",
        "contains",
        "matches",
        "matchesFull",
        "substring",
        "upper",
        "lower",
        "trim",
        "replace",
        "replaceMatches",
        "length",
        "split",
        "toChars",
        "indexOf",
        "lastIndexOf",
        "encode",
        "decode",
        "escape",
        "unescape",
    }
)
_MOMENTS = frozenset({"System.Date", "System.DateTime", "System.Time", "date", "dateTime", "instant", "time"})
_NUMBERS = frozenset({"System.Integer", "System.Decimal", "integer", "decimal", "positiveInt", "unsignedInt"})
_LOGICAL = frozenset({"and", "or", "xor", "implies", "=", "!=", "~", "!~", "<", ">", "<=", ">=", "in", "contains"})


@dataclass(frozen=True, slots=True)
class Guess:
    """What is known of a collection. `types` None = anything."""

    types: frozenset[str] | None
    ordered: bool = True


_OPEN = Guess(None)


def check(tree: Tree, type_: str | None, *, refuse_unordered: bool) -> None:
    """ExpressionTypeError, when the expression cannot be right for that type."""
    focus = Guess(frozenset({type_})) if type_ and schema.is_type(type_) else _OPEN
    _Checker(focus, refuse_unordered=refuse_unordered).of(tree, focus)


class _Checker:
    def __init__(self, context: Guess, *, refuse_unordered: bool) -> None:
        self._context = context
        self._refuse_unordered = refuse_unordered

    def of(self, tree: Tree, focus: Guess) -> Guess:
        match tree:
            case Literal(value):
                return _guess(f"System.{_system_name(value)}")
            case Empty():
                return Guess(frozenset())
            case Special("this"):
                return focus
            case Variable("context"):
                return self._context
            case Special() | Variable():
                return _OPEN
            case Member(None, name):
                named = any(name in schema.ancestors(type_) for type_ in focus.types or ())
                return focus if named else _member(focus, name)
            case Member(source, name):
                return _member(self._source(source, focus), name)
            case Call():
                return self._call(tree, focus)
            case Indexer(source, index):
                self.of(index, focus)
                return self._by_order(self.of(source, focus), "[]")
            case Unary(_, operand):
                return self.of(operand, focus)
            case TypeTest(operator, operand, name):
                return _tested(operator, self.of(operand, focus), name)
            case Binary(operator, left, right):
                return _calculated(operator, self.of(left, focus), self.of(right, focus))

    def _source(self, source: Tree | None, focus: Guess) -> Guess:
        return focus if source is None else self.of(source, focus)

    def _by_order(self, source: Guess, what: str) -> Guess:
        if self._refuse_unordered and not source.ordered:
            raise ExpressionTypeError("unordered", name=what)
        return source

    def _call(self, tree: Call, focus: Guess) -> Guess:
        name, source = tree.name, self._source(tree.source, focus)
        if name in {"is", "as", "ofType"}:
            argument = tree.arguments[0] if tree.arguments else None
            return _tested(
                name, source, argument.name if isinstance(argument, Member) and argument.source is None else ""
            )
        if name in _BY_ORDER:
            self._by_order(source, name)
        if name in _TEXT:
            _expect_text(source, name)
        function = FUNCTIONS.get(name)
        inside = source if name == "sort" or (function and function.takes is Takes.EXPRESSIONS) else focus
        arguments = [self.of(argument, inside) for argument in tree.arguments]
        return self._result(name, source, arguments)

    def _result(self, name: str, source: Guess, arguments: list[Guess]) -> Guess:
        if name in _SAME:
            return source
        if name in _BOOLEAN:
            return _guess("System.Boolean")
        match name:
            case "iif":
                _expect_boolean(arguments[0])
                return _union(arguments[1:])
            case "select":
                return arguments[0]
            case "union" | "combine":
                return _union([source, *arguments[:1]])
            case "repeat":
                return _union([arguments[0], arguments[0]])
            case "children" | "descendants":
                return Guess(None, ordered=False)
            case "extension":
                return _guess("Extension")
            case "count":
                return _guess("System.Integer")
            case _:
                return _OPEN


def _guess(*types: str) -> Guess:
    return Guess(frozenset(types))


def _system_name(value: bool | float | Decimal | str | Temporal | Quantity) -> str:
    match value:
        case bool():
            return "Boolean"
        case int():
            return "Integer"
        case str():
            return "String"
        case Temporal():
            return value.kind.value
        case _:
            return type(value).__name__


def _union(guesses: Iterable[Guess]) -> Guess:
    types: frozenset[str] = frozenset()
    ordered = True
    for guess in guesses:
        if guess.types is None:
            return Guess(None, ordered=ordered and guess.ordered)
        types |= guess.types
        ordered = ordered and guess.ordered
    return Guess(types, ordered=ordered)


def _member(source: Guess, name: str) -> Guess:
    if not source.types:
        return source
    found: set[str] = set()
    for type_ in source.types:
        here = schema.structure(type_)
        if here is None or here.abstract:
            if not type_.startswith("System.") or type_ == "System.Quantity":
                return replace(source, types=None)
            continue
        found.update(step.type for step in schema.steps(type_).get(name, ()))
    if not found:
        raise ExpressionTypeError("unknown-element", type=", ".join(sorted(source.types)), name=name)
    return replace(source, types=frozenset(found))


def _tested(operator: str, source: Guess, name: str) -> Guess:
    if operator == "is":
        return _guess("System.Boolean")
    wanted = schema.named_type(name) if name else None
    return replace(source, types=None if wanted is None else frozenset({wanted}))


def _expect_text(source: Guess, name: str) -> None:
    kinds = {here.kind for type_ in source.types or () if (here := schema.structure(type_)) is not None}
    if kinds and "primitive" not in kinds and len(kinds) == len(source.types or ()):
        raise ExpressionTypeError("never-text", name=name, type=", ".join(sorted(source.types or ())))


def _expect_boolean(criterion: Guess) -> None:
    types = criterion.types
    if types and all(type_.startswith("System.") and type_ != "System.Boolean" for type_ in types):
        raise ExpressionTypeError("never-boolean", name="iif", type=", ".join(sorted(types)))


def _calculated(operator: str, left: Guess, right: Guess) -> Guess:
    if operator in _LOGICAL:
        return _guess("System.Boolean")
    if operator == "|":
        return _union([left, right])
    if operator in "+-" and left.types and right.types and left.types <= _MOMENTS and right.types <= _NUMBERS:
        raise ExpressionTypeError("number-without-unit", operator=operator)
    return _guess("System.String") if operator == "&" else _OPEN
