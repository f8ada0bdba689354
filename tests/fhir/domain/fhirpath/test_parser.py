"""Expressions become trees and trees become expressions; what is no expression is refused, never a crash."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuska.fhir.domain.fhirpath import EvaluationError, ExpressionSyntaxError, FhirPathError, compile  # noqa: A004
from kuska.fhir.domain.fhirpath.parser import MAX_DEPTH, parse
from kuska.fhir.domain.fhirpath.quantity import CALENDAR, Quantity
from kuska.fhir.domain.fhirpath.syntax import (
    PRECEDENCE,
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
    text,
)
from kuska.fhir.domain.fhirpath.temporal import Moment, Temporal

pytestmark = pytest.mark.requirement("HC-01")


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("a or b and c", "a or (b and c)"),
        ("a implies b or c", "a implies (b or c)"),
        ("a = b | c", "a = (b | c)"),
        ("a and b in c", "a and (b in c)"),
        ("1 > 2 is Boolean", "1 > (2 is Boolean)"),
        ("1 | 1 is Integer", "1 | (1 is Integer)"),
        ("-1.abs()", "-(1.abs())"),
        ("-a.b + c", "(-(a.b)) + c"),
        ("a - b - c", "(a - b) - c"),
        ("a & b + c", "(a & b) + c"),
        ("a.b[0].c", "((a.b)[0]).c"),
        ("1 // two\n+ 3 /* four\n*/ + 5", "(1 + 3) + 5"),
        ("`a`.`b c`", "a.`b c`"),
        ("4 days", "4 day"),
        ("expansion.repeat(contains)", "expansion.repeat(`contains`)"),
        ("as(canonical)", "`as`(canonical)"),
    ],
)
def test_reading(expression: str, meant: str) -> None:
    assert parse(expression) == parse(meant)


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("'it\\'s \\u0041\\n'", "it's A\n"),
        ("1.50", Decimal("1.50")),
        ("true", True),
        ("@2015", Temporal(Moment.DATE, (2015,))),
        ("@2015-02T", Temporal(Moment.DATETIME, (2015, 2))),
        ("@2015-02-04T14:34:28.123-05:00", Temporal(Moment.DATETIME, (2015, 2, 4, 14, 34), Decimal("28.123"), -300)),
        ("@T14:34", Temporal(Moment.TIME, (14, 34))),
        ("10 'mg'", Quantity(Decimal(10), "mg")),
        ("2 weeks", Quantity(Decimal(2), "week", CALENDAR)),
    ],
)
def test_literals(literal: str, value: object) -> None:
    assert parse(literal) == Literal(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expression", "key"),
    [
        ("", "unexpected-end"),
        ("a.", "unexpected-end"),
        ("a b", "unexpected-token"),
        ("a..b", "unexpected-token"),
        ("and", "unexpected-token"),
        ("(a", "unexpected-end"),
        ("f(a,)", "unexpected-token"),
        ("'open", "unfinished-text"),
        ("a /* open", "unfinished-comment"),
        ("'\\q'", "unknown-escape"),
        ("a ? b", "unexpected-character"),
        ("@2015-13", "bad-literal"),
        ("@2015-02-30", "bad-literal"),
        ("@T25:00", "bad-literal"),
        ("nothing()", "unknown-function"),
        ("where()", "wrong-arguments"),
        ("is(1)", "not-a-type"),
        ("$that", "unexpected-token"),
    ],
)
def test_refused(expression: str, key: str) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        compile(expression)
    assert caught.value.issues[0].message == f"fhirpath.{key}"


@pytest.mark.parametrize(
    "expression", ["(" * 5000, "1" + "+1" * 5000, "-" * 5000, "a" + ".a" * 5000, "a" + "[0]" * 5000]
)
def test_depth_is_bounded(expression: str) -> None:
    with pytest.raises(ExpressionSyntaxError):
        parse(expression)


def test_as_deep_as_allowed_is_evaluated() -> None:
    assert compile("1" + " + 1" * MAX_DEPTH).evaluate({}) == [MAX_DEPTH + 1]
    assert compile("(" * MAX_DEPTH + "1" + ")" * MAX_DEPTH).evaluate({}) == [1]
    nested = "select(" * (MAX_DEPTH // 2 - 1) + "1" + ")" * (MAX_DEPTH // 2 - 1)
    assert compile(nested).evaluate({}) == [1]


_names = st.one_of(
    st.sampled_from(["a", "name", "value", "contains", "is", "and", "div", "Patient", "day"]),
    st.text(min_size=1, max_size=8).filter(lambda name: "\0" not in name),
)
_numbers = st.decimals(min_value=0, max_value=10**9, places=3)
_literals = st.one_of(
    st.booleans(),
    st.integers(0, 10**9),
    _numbers,
    st.text(max_size=12),
    st.builds(Quantity, _numbers, st.sampled_from(["mg", "1", "it's"])),
    st.builds(lambda n, unit: Quantity(n, unit, CALENDAR), _numbers, st.sampled_from(["year", "second"])),
    st.dates().map(lambda d: Temporal(Moment.DATE, (d.year, d.month, d.day))),
    st.datetimes().map(
        lambda d: Temporal(Moment.DATETIME, (d.year, d.month, d.day, d.hour, d.minute), Decimal(d.second), 60)
    ),
    st.times().map(lambda t: Temporal(Moment.TIME, (t.hour, t.minute))),
)
_OPERATORS = [name for name in PRECEDENCE if name not in {"is", "as"}]


def _grown(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    maybe = st.one_of(st.none(), inner)
    return st.one_of(
        st.builds(Member, maybe, _names),
        st.builds(Call, maybe, _names, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Indexer, inner, inner),
        st.builds(Unary, st.sampled_from("+-"), inner),
        st.builds(Binary, st.sampled_from(_OPERATORS), inner, inner),
        st.builds(
            TypeTest, st.sampled_from(["is", "as"]), inner, st.sampled_from(["Patient", "System.String", "FHIR.code"])
        ),
    )


_leaves: st.SearchStrategy[Tree] = st.one_of(
    st.builds(Literal, _literals),
    st.just(Empty()),
    st.builds(Special, st.sampled_from(["this", "index", "total"])),
    st.builds(Variable, _names),
    st.builds(Member, st.none(), _names),
)
_trees = st.recursive(_leaves, _grown, max_leaves=20)


@given(_trees)
@settings(max_examples=300, deadline=None)
def test_a_tree_survives_being_written(tree: Tree) -> None:
    assert parse(text(tree)) == tree


@given(_trees)
@settings(max_examples=300, deadline=None)
def test_any_tree_is_evaluated_or_refused(tree: Tree) -> None:
    patient = {"resourceType": "Patient", "name": [{"given": ["A", "B"], "period": {"start": "2020"}}], "active": True}
    with contextlib.suppress(FhirPathError):
        compile(text(tree)).evaluate(patient)


_FRAGMENTS = [
    "name",
    "given",
    "$this",
    "%resource",
    "(",
    ")",
    "[",
    "]",
    ".",
    ",",
    "+",
    "-",
    "*",
    "/",
    "div",
    "mod",
    "&",
    "|",
    "=",
    "!=",
    "~",
    "<",
    ">=",
    "and",
    "or",
    "xor",
    "implies",
    "in",
    "contains",
    "is",
    "as",
    "{}",
    "1",
    "2.5",
    "'x'",
    "@2020",
    "@T10:00",
    "1'mg'",
    "3",
    "days",
    "where(",
    "select(",
    "exists()",
    "first()",
    "toString()",
    "ofType(string)",
    "-1",
    "true",
    "name.given",
    ".count()",
    ".repeat(",
    ".sort(",
    ".matches(",
    ".lowBoundary()",
    ".iif(",
    ",",
    "Patient",
    ".",
    "descendants()",
    "today()",
    "resolve()",
]


@given(st.lists(st.sampled_from(_FRAGMENTS), max_size=14).map(" ".join))
@settings(max_examples=400, deadline=None)
def test_garbage_is_refused_with_words(expression: str) -> None:
    patient = {"resourceType": "Patient", "name": [{"given": ["A", "B"]}], "birthDate": "2020-01-01"}
    with contextlib.suppress(FhirPathError):
        compile(expression, type_="Patient").evaluate(patient)


@given(st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_refused_with_words(expression: str) -> None:
    with contextlib.suppress(ExpressionSyntaxError, EvaluationError):
        compile(expression).evaluate({"resourceType": "Patient"})
