"""From text to tokens. https://hl7.org/fhirpath/N1/grammar.html

Invariants: every token knows its place; the length of an expression is bounded; a token's `text` is what it means
(strings and delimited identifiers are unescaped).
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple, NoReturn

from kuska.fhir.domain.fhirpath.errors import ExpressionSyntaxError

MAX_LENGTH = 20_000


class Kind(Enum):
    NAME = auto()
    DELIMITED = auto()  # `name`: never a keyword
    STRING = auto()
    NUMBER = auto()
    DATE = auto()
    DATETIME = auto()
    TIME = auto()
    SPECIAL = auto()  # $this, $index, $total
    SIGN = auto()
    END = auto()


class Token(NamedTuple):
    kind: Kind
    text: str
    at: int


_CLOCK = r"\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_ZONE = r"(?:Z|[+-]\d{2}:\d{2})"
_TOKEN = re.compile(
    rf"""
      (?P<space>[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)
    | (?P<time>@T{_CLOCK}{_ZONE}?)
    | (?P<datetime>@\d{{4}}(?:-\d{{2}}(?:-\d{{2}})?)?T(?:{_CLOCK}{_ZONE}?)?)
    | (?P<date>@\d{{4}}(?:-\d{{2}}(?:-\d{{2}})?)?)
    | (?P<number>[0-9]+(?:\.[0-9]+)?)
    | (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<delimited>`(?:[^`\\]|\\.)*`)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<special>\$[a-z]+)
    | (?P<sign><=|>=|!=|!~|/(?!\*)|[-+*&|<>=~.,()\[\]{{}}%])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_KINDS = {
    "time": Kind.TIME,
    "datetime": Kind.DATETIME,
    "date": Kind.DATE,
    "number": Kind.NUMBER,
    "name": Kind.NAME,
    "special": Kind.SPECIAL,
    "sign": Kind.SIGN,
}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"'": "'", '"': '"', "`": "`", "\\": "\\", "/": "/", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def tokens(expression: str) -> list[Token]:
    """All tokens, closed by one of kind END."""
    if len(expression) > MAX_LENGTH:
        raise ExpressionSyntaxError("too-long", limit=MAX_LENGTH)
    found: list[Token] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            _refuse(expression, at)
        group, text = match.lastgroup or "", match[0]
        if group == "string":
            found.append(Token(Kind.STRING, _unescaped(text[1:-1], at), at))
        elif group == "delimited":
            found.append(Token(Kind.DELIMITED, _unescaped(text[1:-1], at), at))
        elif group != "space":
            found.append(Token(_KINDS[group], text, at))
        at = match.end()
    found.append(Token(Kind.END, "", at))
    return found


def _refuse(expression: str, at: int) -> NoReturn:
    if expression.startswith("/*", at):
        raise ExpressionSyntaxError("unfinished-comment", at=at + 1)
    if expression[at] in "'`":
        raise ExpressionSyntaxError("unfinished-text", at=at + 1)
    raise ExpressionSyntaxError("unexpected-character", character=expression[at], at=at + 1)


def _unescaped(text: str, at: int) -> str:
    if "\\" not in text:
        return text

    def meant(match: re.Match[str]) -> str:
        code = match[1]
        if len(code) == 5:
            return chr(int(code[1:], 16))
        if code not in _ESCAPED:
            raise ExpressionSyntaxError("unknown-escape", escape=match[0], at=at + 1)
        return _ESCAPED[code]

    return _ESCAPE.sub(meant, text)
