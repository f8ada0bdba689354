"""From a syntax tree to closures: everything that can be decided once is decided here, not in every evaluation.

A closure (`Run`) takes the scope and gives a collection.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import Enum, auto
from functools import cmp_to_key

from kuska.fhir.domain.fhirpath import schema
from kuska.fhir.domain.fhirpath.comparison import compare
from kuska.fhir.domain.fhirpath.errors import EvaluationError, ExpressionSyntaxError
from kuska.fhir.domain.fhirpath.functions import FUNCTIONS
from kuska.fhir.domain.fhirpath.functions.registry import Takes, each
from kuska.fhir.domain.fhirpath.operators import binary
from kuska.fhir.domain.fhirpath.quantity import Quantity
from kuska.fhir.domain.fhirpath.scope import Run, Scope
from kuska.fhir.domain.fhirpath.single import integer, single, value
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
from kuska.fhir.domain.fhirpath.temporal import Moment, Temporal
from kuska.fhir.domain.fhirpath.values import Collection, Item, TypedNode, TypeInfo, is_a, members, system, type_of

_TEXT_TESTS = frozenset({"startsWith", "endsWith", "contains"})
_TYPE_FUNCTIONS = frozenset({"is", "as", "ofType"})


class Dialect(Enum):
    STANDARD = auto()
    # The rules that the R4 definitions were written for: `as` filters collections, `is Boolean` is true for a boolean,
    # and nothing neither starts nor ends with anything (ref-1 and trd-3 rely on it).
    R4_DEFINITIONS = auto()


def compiled(tree: Tree, dialect: Dialect) -> Run:
    return _Compiler(dialect).run(tree)


class _Compiler:
    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def run(self, tree: Tree) -> Run:
        match tree:
            case Literal(value):
                return _literal(value)
            case Empty():
                return lambda scope: []  # noqa: ARG005
            case Special(name):
                return _SPECIAL[name]
            case Variable(name):
                return _variable(name)
            case Member(source, name):
                return _first_member(name) if source is None else _member(self.run(source), name)
            case Call():
                return self._call(tree)
            case Indexer(source, index):
                return _indexed(self.run(source), self.run(index))
            case Unary(sign, operand):
                return _signed(sign, self.run(operand))
            case Binary(operator, left, right):
                return binary(operator, self._apart(left), self._apart(right))
            case TypeTest(operator, operand, type_):
                return self._type_test(operator, self.run(operand), type_)

    def _apart(self, tree: Tree) -> Run:
        """Variables defined in one operand are not seen in the other."""
        run = self.run(tree)
        if not _defines(tree):
            return run

        def apart(scope: Scope) -> Collection:
            before = scope.variables
            found = run(scope)
            scope.variables = before
            return found

        return apart

    def _call(self, tree: Call) -> Run:
        source = _this if tree.source is None else self.run(tree.source)
        if tree.name in _TYPE_FUNCTIONS:
            if len(tree.arguments) != 1:
                raise ExpressionSyntaxError("wrong-arguments", name=tree.name, given=len(tree.arguments))
            return self._type_test(tree.name, source, _type_name(tree.arguments[0]))
        if tree.name == "sort":
            return self._sort(source, tree.arguments)
        function = FUNCTIONS.get(tree.name)
        if function is None:
            raise ExpressionSyntaxError("unknown-function", name=tree.name, at=tree.at + 1)
        if not function.least <= len(tree.arguments) <= function.most:
            raise ExpressionSyntaxError("wrong-arguments", name=tree.name, given=len(tree.arguments))
        act = function.run
        if tree.name in _TEXT_TESTS and self._dialect is Dialect.R4_DEFINITIONS:
            act = _false_for_nothing(act)
        arguments = tuple(self.run(argument) for argument in tree.arguments)
        if function.takes is Takes.EXPRESSIONS:
            return lambda scope: act(scope, source(scope), *arguments)
        if not arguments:
            return lambda scope: act(scope, source(scope))
        return lambda scope: act(scope, source(scope), *[argument(scope) for argument in arguments])

    def _type_test(self, operator: str, source: Run, name: str) -> Run:
        test = self._tester(name, operator)
        many_allowed = operator == "ofType" or self._dialect is Dialect.R4_DEFINITIONS

        def tested(scope: Scope) -> Collection:
            items = source(scope)
            if operator == "is":
                item = single(items, "is")
                return [] if item is None else [test(item)]
            if not many_allowed:
                single(items, operator)
            return [item for item in items if test(item)]

        return tested

    def _tester(self, name: str, operator: str) -> Callable[[Item], bool]:
        wanted = schema.named_type(name)
        if wanted is None:

            def unknown(_item: Item) -> bool:
                raise EvaluationError("unknown-type", name=name)

            return unknown
        if operator != "is" and schema.is_primitive(wanted):
            # A code is a string, but `as string` means an element that was declared as one.
            return lambda item: isinstance(item, TypedNode) and item.type == wanted
        lower = name[:1].lower() + name[1:]
        if self._dialect is Dialect.R4_DEFINITIONS and wanted == f"System.{name}" and schema.is_primitive(lower):
            return lambda item: is_a(item, wanted) or is_a(item, lower)
        return lambda item: is_a(item, wanted)

    def _sort(self, source: Run, keys: tuple[Tree, ...]) -> Run:
        down = [isinstance(key, Unary) and key.sign == "-" for key in keys]
        runs = [self.run(key.operand if isinstance(key, Unary) else key) for key in keys]
        return _sorted(source, runs or [_this], down or [False])


def _false_for_nothing(act: Callable[..., Collection]) -> Callable[..., Collection]:
    def test(scope: Scope, items: Collection, *arguments: Collection) -> Collection:
        return act(scope, items, *arguments) if items else [False]

    return test


def _this(scope: Scope) -> Collection:
    return scope.this


def _index(scope: Scope) -> Collection:
    return [] if scope.index is None else [scope.index]


def _total(scope: Scope) -> Collection:
    return scope.total or []


_SPECIAL: dict[str, Run] = {"this": _this, "index": _index, "total": _total}


def _literal(value: bool | float | Decimal | str | Temporal | Quantity) -> Run:
    if isinstance(value, Temporal) and value.kind is Moment.TIME and value.offset is not None:

        def zoned(_scope: Scope) -> Collection:
            raise EvaluationError("time-with-zone")

        return zoned
    items: Collection = [value]  # type: ignore[list-item]
    return lambda scope: items  # noqa: ARG005 - nobody changes a collection


def _variable(name: str) -> Run:
    match name:
        case "context":
            return lambda scope: scope.evaluation.context
        case "resource":
            return lambda scope: scope.evaluation.resource
        case "rootResource":
            return lambda scope: scope.evaluation.root
        case _:
            constant = _constant(name)

    def variable(scope: Scope) -> Collection:
        found = scope.variables.get(name)
        if found is None:
            found = scope.evaluation.env.get(name, constant)
        if found is None:
            raise EvaluationError("unknown-variable", name=name)
        return found

    return variable


def _constant(name: str) -> Collection | None:
    if name.startswith("vs-"):
        return [f"http://hl7.org/fhir/ValueSet/{name[3:]}"]
    if name.startswith("ext-"):
        return [f"http://hl7.org/fhir/StructureDefinition/{name[4:]}"]
    known = {"sct": "http://snomed.info/sct", "loinc": "http://loinc.org", "ucum": "http://unitsofmeasure.org"}
    return [known[name]] if name in known else None


def _member(source: Run, name: str) -> Run:
    def member(scope: Scope) -> Collection:
        items = source(scope)
        if len(items) == 1 and items[0].__class__ is TypedNode:
            return members(items[0], name)  # type: ignore[arg-type, return-value]
        return [found for item in items for found in _of(item, name)]

    return member


def _of(item: Item, name: str) -> Collection:
    if isinstance(item, TypedNode):
        return [*members(item, name)]
    if isinstance(item, TypeInfo):
        known = {"namespace": item.namespace, "name": item.name, "baseType": item.base}.get(name)
        return [] if known is None else [known]
    if isinstance(item, Quantity):
        known = {"value": item.value, "unit": item.unit, "code": item.unit}.get(name)
        return [] if known is None else [known]
    return []


def _first_member(name: str) -> Run:
    """A name at the start of a path: the type of the focus itself, or one of its elements."""
    if not name[:1].isupper():
        return _member(_this, name)

    def first(scope: Scope) -> Collection:
        found: Collection = []
        for item in scope.this:
            if isinstance(item, TypedNode) and name in schema.ancestors(item.type):
                found.append(item)
            else:
                found.extend(_of(item, name))
        return found

    return first


def _indexed(source: Run, index: Run) -> Run:
    def indexed(scope: Scope) -> Collection:
        items, place = source(scope), integer(index(scope), "[]")
        return [] if place is None or place < 0 else items[place : place + 1]

    return indexed


def _signed(sign: str, operand: Run) -> Run:
    def signed(scope: Scope) -> Collection:
        found = value(operand(scope), sign)
        if found is None:
            return []
        if isinstance(found, Quantity):
            return [Quantity(-found.value if sign == "-" else found.value, found.unit, found.system)]
        if isinstance(found, bool) or not isinstance(found, int | Decimal):
            raise EvaluationError("wrong-type", what=sign, wanted="Decimal", found=type_of(found).name)
        # A negative zero is kept apart: -0.0 is text that somebody may want to see.
        return [(found.copy_negate() if isinstance(found, Decimal) else -found) if sign == "-" else found]

    return signed


def _sorted(source: Run, keys: list[Run], down: list[bool]) -> Run:
    def order(one: list[Item | None], other: list[Item | None]) -> int:
        for mine, its, reverse in zip(one, other, down, strict=True):
            if mine is None or its is None:
                found = (mine is not None) - (its is not None)  # nothing comes first, upwards and downwards
            else:
                found = compare(mine, its) or 0
                found = -found if reverse else found
            if found:
                return found
        return 0

    def sort(scope: Scope) -> Collection:
        items = source(scope)
        scope.evaluation.spend(len(items) * max(1, len(items).bit_length()))
        columns = [each(scope, items, key) for key in keys]
        rows = [[_sort_key(column[place]) for column in columns] for place in range(len(items))]
        places = sorted(range(len(items)), key=cmp_to_key(lambda a, b: order(rows[a], rows[b])))
        return [items[place] for place in places]

    return sort


def _sort_key(found: Collection) -> Item | None:
    item = single(found, "sort")
    return None if item is None or system(item) is None else item


def _type_name(tree: Tree) -> str:
    match tree:
        case Member(None, name):
            return name
        case Member(Member(None, space), name):
            return f"{space}.{name}"
        case _:
            raise ExpressionSyntaxError("not-a-type")


def _defines(tree: Tree) -> bool:
    match tree:
        case Call(source, name, arguments):
            return (
                name == "defineVariable" or (source is not None and _defines(source)) or any(map(_defines, arguments))
            )
        case Member(source, _):
            return source is not None and _defines(source)
        case Indexer(source, _):
            return _defines(source)
        case Unary(_, operand) | TypeTest(_, operand, _):
            return _defines(operand)
        case Binary(_, left, right):
            return _defines(left) or _defines(right)
        case _:
            return False
