"""The syntax tree of an expression, and the tree back to text.

Invariants: nodes never change; `at` (place in the text, for messages) does not count in comparisons, so that
`parse(text(tree)) == tree`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from kuska.fhir.domain.fhirpath.quantity import Quantity
from kuska.fhir.domain.fhirpath.temporal import Temporal


@dataclass(frozen=True, slots=True)
class Literal:
    value: bool | int | Decimal | str | Temporal | Quantity
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Empty:
    """`{}`"""

    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Special:
    name: str  # this | index | total
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Variable:
    """`%name`"""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Member:
    """`source.name`; without a source, of what the expression is about."""

    source: Tree | None
    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    source: Tree | None
    name: str
    arguments: tuple[Tree, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Indexer:
    source: Tree
    index: Tree
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    sign: str  # + | -
    operand: Tree
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: Tree
    right: Tree
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class TypeTest:
    """`operand is Type`, `operand as Type`"""

    operator: str
    operand: Tree
    type: str  # 'Patient', 'FHIR.Patient', 'System.String'
    at: int = field(default=0, compare=False)


Tree = Literal | Empty | Special | Variable | Member | Call | Indexer | Unary | Binary | TypeTest

KEYWORDS = frozenset({"and", "or", "xor", "implies", "in", "contains", "is", "as", "div", "mod", "true", "false"})
PRECEDENCE = {
    "implies": 1,
    **dict.fromkeys(("or", "xor"), 2),
    "and": 3,
    **dict.fromkeys(("in", "contains"), 4),
    **dict.fromkeys(("=", "!=", "~", "!~"), 5),
    **dict.fromkeys(("<", ">", "<=", ">="), 6),
    "|": 7,
    **dict.fromkeys(("is", "as"), 8),
    **dict.fromkeys(("+", "-", "&"), 9),
    **dict.fromkeys(("*", "/", "div", "mod"), 10),
}
SIGN_PRECEDENCE = 11
_INVOCATION = 12
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}


def quoted(text: str) -> str:
    return "'" + "".join(_ESCAPES.get(c) or c for c in text) + "'"


def text(tree: Tree) -> str:
    """The expression that parses to this tree, with no more parentheses than it needs."""
    return _text(tree, 0)


def _text(tree: Tree, around: int) -> str:
    match tree:
        case Empty():
            return "{}"
        case Special(name):
            return f"${name}"
        case Variable(name):
            return f"%{_name(name)}"
        case Literal(value):
            return _literal(value)
        case Member(source, name):
            return _from(source) + _name(name)
        case Call(source, name, arguments):
            return f"{_from(source)}{_name(name)}({', '.join(map(text, arguments))})"
        case Indexer(source, index):
            return f"{_text(source, _INVOCATION)}[{text(index)}]"
        case Unary(sign, operand):
            return _wrapped(f"{sign}{_text(operand, SIGN_PRECEDENCE)}", SIGN_PRECEDENCE, around)
        case TypeTest(operator, operand, type_):
            own = PRECEDENCE[operator]
            name = ".".join(_name(part) for part in type_.split("."))
            return _wrapped(f"{_text(operand, own)} {operator} {name}", own, around)
        case Binary(operator, left, right):
            own = PRECEDENCE[operator]
            return _wrapped(f"{_text(left, own)} {operator} {_text(right, own + 1)}", own, around)


def _from(source: Tree | None) -> str:
    return "" if source is None else _text(source, _INVOCATION) + "."


def _wrapped(inner: str, own: int, around: int) -> str:
    return f"({inner})" if own < around else inner


def _name(name: str) -> str:
    plain = name.isascii() and name.isidentifier() and name not in KEYWORDS
    return name if plain else "`" + quoted(name)[1:-1].replace("`", "\\`") + "`"


def _literal(value: bool | float | Decimal | str | Temporal | Quantity) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Temporal):
        return value.literal
    return str(value)
