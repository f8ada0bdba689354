"""From tokens to the syntax tree: precedence climbing over https://hl7.org/fhirpath/N1/#operator-precedence.

Invariants: the depth of a tree is bounded, so neither compiling nor evaluating it can exhaust the stack.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import NoReturn

from kuska.fhir.domain.fhirpath.errors import ExpressionSyntaxError
from kuska.fhir.domain.fhirpath.lexer import Kind, Token, tokens
from kuska.fhir.domain.fhirpath.quantity import CALENDAR, Quantity, calendar_unit
from kuska.fhir.domain.fhirpath.syntax import (
    KEYWORDS,
    PRECEDENCE,
    SIGN_PRECEDENCE,
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
from kuska.fhir.domain.fhirpath.temporal import Temporal, read_date, read_datetime, read_time

MAX_DEPTH = 100
_SPECIAL = frozenset({"$this", "$index", "$total"})
_RESERVED = KEYWORDS - {"as", "is", "in", "contains"}
_Deep = tuple[Tree, int]  # a tree and how deep it is


@lru_cache(maxsize=1024)
def parse(expression: str) -> Tree:
    parser = _Parser(tokens(expression))
    tree, _ = parser.expression(0, 0)
    parser.expect_end()
    return tree


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._place = 0

    def expect_end(self) -> None:
        if self._now.kind is not Kind.END:
            self._refuse()

    @property
    def _now(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._tokens[self._place]
        self._place += 1
        return token

    def _sign(self, text: str) -> bool:
        if self._now.kind is Kind.SIGN and self._now.text == text:
            self._place += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._sign(text):
            self._refuse()

    def _refuse(self) -> NoReturn:
        token = self._now
        if token.kind is Kind.END:
            raise ExpressionSyntaxError("unexpected-end")
        raise ExpressionSyntaxError("unexpected-token", text=token.text[:40], at=token.at + 1)

    def expression(self, lowest: int, nesting: int) -> _Deep:
        if nesting > MAX_DEPTH:
            raise ExpressionSyntaxError("too-deep", limit=MAX_DEPTH)
        tree, depth = self._prefix(nesting)
        while True:
            token = self._now
            operator = token.text if token.kind in (Kind.SIGN, Kind.NAME) else ""
            own = PRECEDENCE.get(operator, -1)
            if own < 0 or own < lowest:
                return tree, depth
            self._place += 1
            if operator in ("is", "as"):
                tree, depth = TypeTest(operator, tree, self._type(), token.at), depth + 1
            else:
                right, other = self.expression(own + 1, nesting + 1)
                tree, depth = Binary(operator, tree, right, token.at), max(depth, other) + 1
            _check(depth)

    def _prefix(self, nesting: int) -> _Deep:
        token = self._now
        if token.kind is Kind.SIGN and token.text in "+-":
            self._place += 1
            operand, depth = self.expression(SIGN_PRECEDENCE, nesting + 1)
            return Unary(token.text, operand, token.at), depth + 1
        return self._invocations(*self._term(nesting), nesting)

    def _invocations(self, tree: Tree, depth: int, nesting: int) -> _Deep:
        while True:
            token = self._now
            if self._sign("."):
                tree, inner = self._invocation(tree, nesting)
            elif self._sign("["):
                index, inner = self.expression(0, nesting + 1)
                self._expect("]")
                tree = Indexer(tree, index, token.at)
            else:
                return tree, depth
            depth = max(depth, inner) + 1
            _check(depth)

    def _invocation(self, source: Tree | None, nesting: int) -> _Deep:
        token = self._now
        if token.kind not in (Kind.NAME, Kind.DELIMITED):
            self._refuse()
        self._place += 1
        if not self._sign("("):
            return Member(source, token.text, token.at), 0
        arguments: list[Tree] = []
        deepest = 0
        while not self._sign(")"):
            if arguments:
                self._expect(",")
            argument, depth = self.expression(0, nesting + 1)
            arguments.append(argument)
            deepest = max(deepest, depth)
        return Call(source, token.text, tuple(arguments), token.at), deepest + 1

    def _term(self, nesting: int) -> _Deep:
        token = self._now
        match token.kind:
            case Kind.NAME if token.text in ("true", "false"):
                self._place += 1
                return Literal(token.text == "true", token.at), 0
            case Kind.NAME if token.text in _RESERVED:
                pass
            case Kind.NAME | Kind.DELIMITED:
                return self._invocation(None, nesting)
            case Kind.NUMBER:
                return self._number(), 0
            case Kind.STRING:
                self._place += 1
                return Literal(token.text, token.at), 0
            case Kind.DATE | Kind.DATETIME | Kind.TIME:
                self._place += 1
                return Literal(_temporal(token), token.at), 0
            case Kind.SPECIAL if token.text in _SPECIAL:
                self._place += 1
                return Special(token.text[1:], token.at), 0
            case Kind.SIGN if token.text in "({%":
                return self._marked(nesting)
            case _:
                pass
        return self._refuse()

    def _marked(self, nesting: int) -> _Deep:
        token = self._take()
        if token.text == "(":
            inner = self.expression(0, nesting + 1)
            self._expect(")")
            return inner
        if token.text == "{":
            self._expect("}")
            return Empty(token.at), 0
        if self._now.kind not in (Kind.NAME, Kind.DELIMITED, Kind.STRING):
            self._refuse()
        return Variable(self._take().text, token.at), 0

    def _number(self) -> Literal:
        token = self._take()
        unit = self._now
        number = Decimal(token.text)
        if unit.kind is Kind.STRING:
            self._place += 1
            return Literal(Quantity(number, unit.text), token.at)
        if unit.kind is Kind.NAME and (name := calendar_unit(unit.text)):
            self._place += 1
            return Literal(Quantity(number, name, CALENDAR), token.at)
        if "." in token.text or len(token.text) > 10:
            return Literal(number, token.at)
        return Literal(int(token.text), token.at)

    def _type(self) -> str:
        parts: list[str] = []
        while True:
            token = self._now
            if token.kind not in (Kind.NAME, Kind.DELIMITED):
                self._refuse()
            self._place += 1
            parts.append(token.text)
            if len(parts) == 2 or not self._sign("."):
                return ".".join(parts)


def _check(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ExpressionSyntaxError("too-deep", limit=MAX_DEPTH)


def _temporal(token: Token) -> Temporal:
    text = token.text[1:]
    if token.kind is Kind.TIME:
        # A time has no zone; that this one does is found when it is evaluated, as other engines do.
        found = read_time(text[1:])
    elif token.kind is Kind.DATETIME:
        found = read_datetime(text)
    else:
        found = read_date(text)
    if found is None:
        raise ExpressionSyntaxError("bad-literal", text=token.text, at=token.at + 1)
    return found
