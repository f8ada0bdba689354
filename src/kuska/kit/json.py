"""JSON of the outside world: strict in, compact out, decimals with their digits and in the form they came in.

`decode` turns bytes into a plain tree (`Node`): numbers with a point or an exponent become `Decimal`, others `int`.
Invariants of what it returns: the top is an object, no key was there twice, nesting is bounded, text holds only what
FHIR and PostgreSQL accept (no lone surrogates, no NUL, no control characters but tab and line ends), numbers are of a
size that arithmetic survives. Whatever breaks one of them raises `IncorrectError` with the place and what to do.

The usual document pays for one C decode and one C encode; slow exact checks run only where a cheap test cannot rule
the problem out.
"""

from __future__ import annotations

import json as _stdlib
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, Self

import msgspec

from kuska.kit.errors import IncorrectError, Issue

Node = dict[str, Any]

MAX_DEPTH = 64
_MAX_NUMBER = 100  # characters
_MAX_EXPONENT = 300  # so that every number is also a finite double

_PLAIN_FROM = -6  # the place of the first digit from which on Python writes no exponent

_LONE_SURROGATE = re.compile(
    rb"(?<!\\)(?:\\\\)*(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|"
    rb"(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
_NOT_A_NUMBER = re.compile(rb"[-+]?(?:NaN|Infinity|Inf\b)")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_STRING_OR_COMMENT = re.compile(rb'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_BYTE = re.compile(r"\(byte (\d+)\)")
_SPACED_COLON = re.compile(rb'"[ \t\n\r]+:')
_HIDING_ESCAPE = re.compile(rb"\\u00(?:22|3[aA])")
_CONTROL_ESCAPE = re.compile(rb"\\(?:u00[01]|[bf])")


class _NumberTooLong(Exception):  # noqa: N818 - the message says the rest
    pass


class AsWritten(Decimal):
    """A decimal that Python would write in another form (1E5 as 1E+5, 0.0000001 as 1E-7)."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> Self:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __reduce__(self) -> tuple[type[AsWritten], tuple[str]]:
        return AsWritten, (self.text,)


def _decimal(text: str) -> Decimal:
    if len(text) > _MAX_NUMBER:
        raise _NumberTooLong(text)
    number = Decimal(text)
    place = number.adjusted()
    if not -_MAX_EXPONENT < place < _MAX_EXPONENT:
        raise _NumberTooLong(text)
    return number if place >= _PLAIN_FROM and "e" not in text and "E" not in text else AsWritten(text)


def _as_written(value: object) -> msgspec.Raw:
    if isinstance(value, AsWritten):
        return msgspec.Raw(value.text.encode())
    raise TypeError(f"JSON has no {type(value).__name__}")


_decoder = msgspec.json.Decoder(float_hook=_decimal)
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_as_written)


def encode(node: object) -> bytes:
    """Compact JSON; decimals as numbers with all their digits, those of a document as it had them, keys in their order."""
    return _encoder.encode(node)


def decode(raw: bytes, *, max_depth: int = MAX_DEPTH) -> Node:
    """The object in `raw`, or IncorrectError."""
    try:
        node = _decoder.decode(raw)
    except _NumberTooLong as error:
        _refuse("json.number", "value", text=str(error)[:40])
    except msgspec.ValidationError:  # an integer of more digits than Python reads (4,300)
        _refuse("json.number", "value", text="…")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation) as error:
        _explain(raw, error, max_depth)
    if node.__class__ is not dict:
        _refuse("json.not-an-object", "structure")
    if raw.count(b"{") + raw.count(b"[") > max_depth and _too_deep(node, max_depth):
        _refuse("json.too-deep", "too-long", limit=max_depth)
    if not _surely_unique(raw, node):
        _refuse_duplicates(raw)
    if b"\\" in raw and _CONTROL_ESCAPE.search(raw) and (place := _control_character(node)) is not None:
        raise IncorrectError(_located("json.control-character", "invalid", place))
    return node


def without_comments(raw: bytes) -> bytes:
    """JSON as people write it by hand, without its // and /* */ comments; lines and columns stay where they were."""
    return _STRING_OR_COMMENT.sub(lambda found: found[1] or re.sub(rb"[^\n]", b" ", found[0]), raw)


def _surely_unique(raw: bytes, node: Node) -> bool:
    """True when no object of `raw` can have had a key twice.

    Every member of the text has one `":`, unless blanks come before the colon. Strings may hold more of them, as many
    in the text as in its re-encoding unless the text wrote the quote or the colon as an escape. So, with neither of
    these, equal counts mean equal numbers of members: none was lost.
    """
    if _SPACED_COLON.search(raw) or (b"\\" in raw and _HIDING_ESCAPE.search(raw)):
        return False
    return raw.count(b'":') == _encoder.encode(node).count(b'":')


class _WithDuplicate(dict[str, Any]):
    duplicate: str = ""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    marked = _WithDuplicate(found)
    seen = set[str]()
    marked.duplicate = next(key for key, _ in pairs if key in seen or seen.add(key))
    return marked


def _refuse_duplicates(raw: bytes) -> None:
    """The exact check, with the place."""
    tree = _stdlib.loads(raw, object_pairs_hook=_pairs, parse_float=_text, parse_int=_text)
    for place, value in _walk(tree):
        if isinstance(value, _WithDuplicate):
            expression = f"{place}.{value.duplicate}"
            raise IncorrectError(_located("json.duplicate-key", "structure", expression, name=value.duplicate[:80]))


def _text(text: str) -> str:
    return text


def _walk(top: Any) -> Iterator[tuple[str, Any]]:
    """Every value with its place, in the order of the document."""
    root = top.get("resourceType") if isinstance(top, dict) else None
    waiting: list[tuple[str, Any]] = [(root if isinstance(root, str) and root.isalnum() else "$this", top)]
    while waiting:
        place, value = waiting.pop()
        yield place, value
        if isinstance(value, dict):
            waiting.extend(reversed([(f"{place}.{name}", child) for name, child in value.items()]))
        elif isinstance(value, list):
            waiting.extend(reversed([(f"{place}[{index}]", child) for index, child in enumerate(value)]))


def _control_character(node: Node) -> str | None:
    for place, value in _walk(node):
        if isinstance(value, str) and _FORBIDDEN.search(value):
            return place
        if isinstance(value, dict) and any(_FORBIDDEN.search(name) for name in value):
            return place
    return None


def _too_deep(node: Node, max_depth: int) -> bool:
    level: list[Any] = [node]
    for _ in range(max_depth):
        level = [
            value
            for container in level
            for value in (container.values() if container.__class__ is dict else container)
            if value.__class__ is dict or value.__class__ is list
        ]
        if not level:
            return False
    return True


def _explain(raw: bytes, error: Exception, max_depth: int) -> NoReturn:
    """Say what is wrong in words that help, from the text around the place where decoding stopped."""
    if isinstance(error, RecursionError):
        _refuse("json.too-deep", "too-long", limit=max_depth)
    if raw.startswith(b"\xef\xbb\xbf"):
        _refuse("json.byte-order-mark", "structure")
    if isinstance(error, UnicodeDecodeError) or not _is_utf8(raw):
        _refuse("json.not-utf8", "structure")
    found = _BYTE.search(str(error))
    at = int(found[1]) if found else len(raw)
    line, column = raw.count(b"\n", 0, at) + 1, at - raw.rfind(b"\n", 0, at)
    place = {"line": line, "column": column}
    near = raw[max(at - 1, 0) : at + 9]
    key = "json.malformed"
    if not raw.strip():
        key = "json.empty"
    elif _LONE_SURROGATE.search(raw):
        key = "json.lone-surrogate"
    elif _NOT_A_NUMBER.match(near) or _NOT_A_NUMBER.match(near[1:]):
        key = "json.not-a-number"
    elif re.match(rb"\s*/[/*]", near) or re.match(rb".?\s*/[/*]", raw[at : at + 80], re.DOTALL):
        key = "json.comment"
    elif "trailing comma" in str(error):
        key = "json.trailing-comma"
    elif "trailing characters" in str(error):
        key = "json.trailing-data"
    elif "truncated" in str(error):
        key = "json.truncated"
    elif at < len(raw) and raw[at] < 0x20 and raw[at] not in b"\t\n\r":
        key = "json.raw-control-character"
    elif "keys must be strings" in str(error):
        key = "json.unquoted-key"
    _refuse(key, "structure", **place)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _located(key: str, code: str, expression: str, **params: object) -> Issue:
    return Issue(severity="fatal", code=code, message=key, params=params, expression=expression)


def _refuse(key: str, code: str, **params: object) -> NoReturn:
    raise IncorrectError(Issue(severity="fatal", code=code, message=key, params=params))
