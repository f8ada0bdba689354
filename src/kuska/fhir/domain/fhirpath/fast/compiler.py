"""From a rule's tree to its judgement."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.fhirpath import patterns, schema
from kuska.fhir.domain.fhirpath.comparison import same_json
from kuska.fhir.domain.fhirpath.fast import judgement
from kuska.fhir.domain.fhirpath.fast.judgement import Judgement, all_of, either, negated, one_of, presence, same, total
from kuska.fhir.domain.fhirpath.fast.source import VOID, Around, NotCovered, One, Source, Test, there
from kuska.fhir.domain.fhirpath.fast.sources import Sources, Types, constant, is_text
from kuska.fhir.domain.fhirpath.syntax import Binary, Call, Literal, Member, Special, Tree, TypeTest

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": str.__contains__,
}


def fast_check(tree: Tree, context: str) -> Test:
    """The truth of a rule about an element of that type; NotCovered when no part of it has a fast form."""
    return _Compiler(context).strict(tree, (context,)).truth


class _Compiler:
    def __init__(self, context: str) -> None:
        self._sources = Sources(context, lambda tree, types: self.strict(tree, types).truth)

    def _judged(self, tree: Tree, types: Types) -> Judgement:
        """As `strict`, but a part that is not covered only counts when it is reached."""
        try:
            return self.strict(tree, types)
        except NotCovered:
            return judgement.later()

    def strict(self, tree: Tree, types: Types) -> Judgement:
        match tree:
            case Binary("or", _, _):
                return one_of([self._judged(part, types) for part in _flat(tree, "or")])
            case Binary("and", _, _):
                return all_of([self._judged(part, types) for part in _flat(tree, "and")])
            case Binary("implies", left, right):
                return one_of([negated(self._judged(left, types)), self._judged(right, types)])
            case Binary("xor", left, right):
                return either(self.strict(left, types), self.strict(right, types))
            case Binary("=", left, right):
                return self._equal(left, right, types)
            case Binary("!=", left, right):
                return negated(self._equal(left, right, types))
            case Binary("in", left, right):
                return self._among(left, right, types)
            case Binary(sign, left, right) if sign in _ORDER:
                return self._ordered(_ORDER[sign], left, right, types)
            case TypeTest("is", operand, name):
                return self._is(operand, name, types)
            case Call():
                return self._call(tree, types)
            case Literal(bool(value)):
                return total(lambda n, a: value)  # noqa: ARG005
            case _:
                return _boolean(self._sources.source(tree, types))

    def _call(self, tree: Call, types: Types) -> Judgement:
        this = Special("this") if tree.source is None else tree.source
        match tree.name, tree.arguments:
            case "not", ():
                return negated(self.strict(this, types))
            case "exists", ():
                return self._exists(this, types)
            case "empty", ():
                return negated(self._exists(this, types))
            case "exists", (criteria,):
                return self._exists(Call(this, "where", (criteria,)), types)
            case "all", (criteria,):
                return self._all(this, criteria, types)
            case ("allFalse", ()) | ("allTrue", ()):
                return self._all_boolean(this, tree.name, types)
            case "hasValue", ():
                return _valued(self._sources.source(this, types))
            case "isDistinct", ():
                return _distinct(self._sources.source(this, types))
            case "is", (Member(None, name),):
                return self._is(this, name, types)
            case "matches", (pattern,):
                return _matched(self._sources.text(this, types), constant(pattern))
            case name, (part,) if name in _TEXT_TESTS:
                return _text_test(_TEXT_TESTS[name], self._sources.text(this, types), self._sources.text(part, types))
            case _:
                return _boolean(self._sources.source(tree, types))

    def _exists(self, tree: Tree, types: Types) -> Judgement:
        match tree:
            case Binary("|", left, right):
                return one_of([self._exists(left, types), self._exists(right, types)])
            case Call(source, "select", (inner,)) if source is not None and _is_boolean(inner):
                outer = self._sources.source(source, types)
                inside = self.strict(inner, outer.types)
                items, truth, falsity = outer.many, inside.truth, inside.falsity
                return total(lambda n, a: any(truth(item, a) or falsity(item, a) for item in items(n, a)))
            case Call(source, "intersect", (other,)) if source is not None:
                return _overlapping(self._sources.source(source, types), self._sources.source(other, types))
            case _:
                source = self._sources.source(tree, types)
                return presence(source.keys) if source.keys is not None else total(there(source))

    def _all(self, this: Tree, criteria: Tree, types: Types) -> Judgement:
        source = self._sources.source(this, types)
        items, truth = source.many, self.strict(criteria, source.types).truth

        def every(n: Any, a: Around) -> bool:
            for item in items(n, a):  # noqa: SIM110
                if not truth(item, a):
                    return False
            return True

        return total(every)

    def _all_boolean(self, this: Tree, name: str, types: Types) -> Judgement:
        if (
            not isinstance(this, Call)
            or this.name != "select"
            or this.source is None
            or not _is_boolean(*this.arguments)
        ):
            raise NotCovered
        source = self._sources.source(this.source, types)
        inside = self.strict(this.arguments[0], source.types)
        items, against = source.many, inside.truth if name == "allFalse" else inside.falsity
        return total(lambda n, a: not any(against(item, a) for item in items(n, a)))

    def _equal(self, left: Tree, right: Tree, types: Types) -> Judgement:
        if _is_boolean(left) and _is_boolean(right):
            return same(self.strict(left, types), self.strict(right, types))
        value = constant(right)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return _compared(operator.eq, self._sources.number(left, types), lambda n, a: value)  # noqa: ARG005
        source = self._sources.source(left, types)
        if isinstance(value, str) and is_text(source):
            return _equal_to(source, value)
        if isinstance(value, bool) and source.types == ("boolean",) and source.one is not None:
            return _boolean(source) if value else negated(_boolean(source))
        if value is not None:
            raise NotCovered
        other = self._sources.source(right, types)
        if not is_text(source) or not is_text(other):
            raise NotCovered
        return _equal_lists(source, other)

    def _ordered(self, holds: Callable[[Any, Any], bool], left: Tree, right: Tree, types: Types) -> Judgement:
        try:
            return _compared(holds, self._sources.number(left, types), self._sources.number(right, types))
        except NotCovered:
            one, other = self._sources.moment(left, types), self._sources.moment(right, types)
            return _compared(holds, _alike(one, other), _alike(other, one))

    def _among(self, left: Tree, right: Tree, types: Types) -> Judgement:
        values = frozenset(constant(part) for part in _flat(right, "|"))
        one = self._sources.text(left, types)
        if not all(isinstance(value, str) for value in values):
            raise NotCovered
        return Judgement(
            lambda n, a: (found := one(n, a)) is not VOID and found in values,
            lambda n, a: (found := one(n, a)) is not None and (found is VOID or found not in values),
        )

    def _is(self, operand: Tree, name: str, types: Types) -> Judgement:
        if schema.is_resource(name):
            one = self._sources.source(operand, types).one
            if one is None:
                raise NotCovered
            wanted = frozenset(type_ for type_ in definitions().resource_types if name in schema.ancestors(type_))
            return Judgement(
                lambda n, a: (found := one(n, a)) is not None and found["resourceType"] in wanted,
                lambda n, a: (found := one(n, a)) is not None and found["resourceType"] not in wanted,
            )
        if not isinstance(operand, Member) or operand.source is not None or "." in name:
            raise NotCovered
        return _choice_is(operand.name, name, types)


def _flat(tree: Tree, sign: str) -> list[Tree]:
    if isinstance(tree, Binary) and tree.operator == sign:
        return [*_flat(tree.left, sign), *_flat(tree.right, sign)]
    return [tree]


_BOOLEAN_CALLS = frozenset(
    {"exists", "empty", "not", "all", "allTrue", "allFalse", "hasValue", "isDistinct", "is", "matches", *_TEXT_TESTS}
)


def _is_boolean(tree: Tree) -> bool:
    match tree:
        case Binary(sign, _, _):
            return sign in _ORDER or sign in {"or", "and", "xor", "implies", "=", "!=", "in"}
        case Call(_, name, _):
            return name in _BOOLEAN_CALLS
        case TypeTest("is", _, _):
            return True
        case _:
            return False


def _boolean(source: Source) -> Judgement:
    one = source.one
    if one is None or source.types != ("boolean",):
        raise NotCovered
    return Judgement(lambda n, a: one(n, a) is True, lambda n, a: one(n, a) is False)


def _valued(source: Source) -> Judgement:
    one = source.one
    if one is None or not all(map(schema.is_primitive, source.types)):
        raise NotCovered
    return total(lambda n, a: (found := one(n, a)) is not None and found is not VOID)


def _distinct(source: Source) -> Judgement:
    if not is_text(source):
        raise NotCovered
    many = source.many

    def distinct(n: Any, a: Around) -> bool:
        values = many(n, a)
        return len(values) < 2 or len(set(values)) == len(values)

    return total(distinct)


def _overlapping(source: Source, other: Source) -> Judgement:
    if set(source.types) != set(other.types) or set(source.types) != {"Coding"}:
        raise NotCovered  # equality of other types has rules of its own
    left, right = source.many, other.many

    def overlap(n: Any, a: Around) -> bool:
        return any(same_json(one, two) for one in left(n, a) for two in right(n, a))

    return total(overlap)


def _equal_to(source: Source, value: str) -> Judgement:
    one = source.one
    if one is not None:
        return Judgement(
            lambda n, a: one(n, a) == value,
            lambda n, a: (found := one(n, a)) is not None and found != value,
        )
    many = source.many
    return Judgement(
        lambda n, a: len(found := many(n, a)) == 1 and found[0] == value,
        lambda n, a: bool(found := many(n, a)) and (len(found) > 1 or found[0] != value),
    )


def _equal_lists(source: Source, other: Source) -> Judgement:
    left, right = source.many, other.many

    def sides(n: Any, a: Around) -> tuple[list[Any], list[Any]]:
        one, two = list(left(n, a)), list(right(n, a))
        if any(value is VOID for value in (*one, *two)):
            raise NotCovered
        return one, two

    def equal(n: Any, a: Around) -> bool:
        one, two = sides(n, a)
        return bool(one) and one == two

    def different(n: Any, a: Around) -> bool:
        one, two = sides(n, a)
        return bool(one) and bool(two) and one != two

    return Judgement(equal, different)


def _compared(holds: Callable[[Any, Any], bool], left: One, right: One) -> Judgement:
    return Judgement(
        lambda n, a: (one := left(n, a)) is not None and (two := right(n, a)) is not None and holds(one, two),
        lambda n, a: (one := left(n, a)) is not None and (two := right(n, a)) is not None and not holds(one, two),
    )


def _alike(one: One, other: One) -> One:
    """Dates that compare as their texts do: to the day, or to the second with the same zone."""

    def alike(n: Any, a: Around) -> Any:
        mine, its = one(n, a), other(n, a)
        if mine is None or its is None:
            return None
        if mine is VOID or its is VOID or len(mine) != len(its) or (len(mine) != 10 and _zone(mine) != _zone(its)):
            raise NotCovered
        return mine

    return alike


def _zone(moment: str) -> str:
    """What follows the seconds; dates of other lengths are the engine's."""
    if len(moment) < 20 or moment[19] == ".":
        raise NotCovered
    return moment[19:]


def _matched(one: One, pattern: object) -> Judgement:
    if not isinstance(pattern, str):
        raise NotCovered
    finds = patterns.finder(pattern)
    return Judgement(
        lambda n, a: (text := one(n, a)) is not None and text is not VOID and finds(text),
        lambda n, a: (text := one(n, a)) is not None and text is not VOID and not finds(text),
    )


def _text_test(holds: Callable[[str, str], bool], one: One, part: One) -> Judgement:
    def truth(n: Any, a: Around) -> bool:
        text, wanted = one(n, a), part(n, a)
        return (
            text is not None and text is not VOID and wanted is not None and wanted is not VOID and holds(text, wanted)
        )

    def falsity(n: Any, a: Around) -> bool:
        text, wanted = one(n, a), part(n, a)
        if text is None:
            return True  # R4's definitions count on it
        return text is not VOID and wanted is not None and wanted is not VOID and not holds(text, wanted)

    return Judgement(truth, falsity)


def _choice_is(name: str, type_name: str, types: Types) -> Judgement:
    """`value is Quantity`, from the properties of a choice."""
    steps = [step for type_ in types for step in schema.steps(type_).get(name, ())]
    if not steps or any(step.is_list for step in steps):
        raise NotCovered
    wanted = type_name if schema.is_type(type_name) else type_name[:1].lower() + type_name[1:]
    if not schema.is_type(wanted) or any(len(schema.steps(type_).get(name, ())) == 0 for type_ in types):
        raise NotCovered

    def keys(chosen: list[schema.Step]) -> frozenset[str]:
        return frozenset(
            key for step in chosen for key in ((step.key, step.sibling) if step.primitive else (step.key,))
        )

    yes = keys([step for step in steps if wanted in schema.ancestors(step.type)])
    no = keys(steps) - yes
    return Judgement(lambda n, a: not yes.isdisjoint(n), lambda n, a: not no.isdisjoint(n))  # noqa: ARG005
