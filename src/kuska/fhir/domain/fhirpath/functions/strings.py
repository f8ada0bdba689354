"""substring, matches, encode, …: https://hl7.org/fhirpath/N1/#string-manipulation"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Callable

from kuska.fhir.domain.fhirpath import patterns
from kuska.fhir.domain.fhirpath.errors import EvaluationError
from kuska.fhir.domain.fhirpath.functions.conversion import to_string
from kuska.fhir.domain.fhirpath.functions.registry import Function, values
from kuska.fhir.domain.fhirpath.scope import MAX_TEXT, Scope, checked_text
from kuska.fhir.domain.fhirpath.single import integer, text
from kuska.fhir.domain.fhirpath.values import Collection, Item, system

_Answer = Item | None


def _of_text(name: str, answer: Callable[[str], _Answer]) -> Function:
    """A function of a text without arguments."""

    def run(_scope: Scope, items: Collection) -> Collection:
        subject = text(items, name)
        found = None if subject is None else answer(subject)
        return [] if found is None else [found]

    return values(run)


def _of_texts(name: str, count: int, answer: Callable[..., _Answer]) -> Function:
    """A function of a text and as many other texts; empty when one of them is."""

    def run(_scope: Scope, items: Collection, *arguments: Collection) -> Collection:
        texts = [text(one, name) for one in (items, *arguments)]
        found = None if None in texts else answer(*texts)
        return [] if found is None else [found]

    return values(run, count)


def _substring(_scope: Scope, items: Collection, start: Collection, length: Collection | None = None) -> Collection:
    subject, first = text(items, "substring"), integer(start, "substring")
    count = None if length is None else integer(length, "substring")
    if subject is None or first is None or not 0 <= first < len(subject):
        return []
    return [subject[first:] if count is None else subject[first : first + max(0, count)]]


def _replace(subject: str, pattern: str, by: str) -> str:
    if (subject.count(pattern) + 1) * len(by) > MAX_TEXT:
        return checked_text(" " * (MAX_TEXT + 1))
    return subject.replace(pattern, by)


def _replace_matches(subject: str, pattern: str, by: str) -> str:
    return checked_text(patterns.replaced(pattern, subject, by)) if pattern else subject


def _index_of(subject: str, part: str) -> int:
    return subject.find(part)


def _last_index_of(subject: str, part: str) -> int:
    return subject.rfind(part)


def _starts_with(subject: str, part: str) -> bool:
    return subject.startswith(part)


def _ends_with(subject: str, part: str) -> bool:
    return subject.endswith(part)


def _contains(subject: str, part: str) -> bool:
    return part in subject


def _matches(subject: str, pattern: str) -> bool:
    return patterns.found(pattern, subject)


def _matches_full(subject: str, pattern: str) -> bool:
    return patterns.matched(pattern, subject)


def _to_chars(_scope: Scope, items: Collection) -> Collection:
    return [*(text(items, "toChars") or "")]


def _split(_scope: Scope, items: Collection, separator: Collection) -> Collection:
    subject, mark = text(items, "split"), text(separator, "split")
    if subject is None or mark is None:
        return []
    return [*subject.split(mark)] if mark else [*subject]


def _join(_scope: Scope, items: Collection, separator: Collection | None = None) -> Collection:
    mark = "" if separator is None else text(separator, "join") or ""
    texts: list[str] = []
    for item in items:
        value = system(item)
        if value is not None:
            texts.append(text([item], "join") or "" if isinstance(value, str) else to_string(value) or "")
    return [checked_text(mark.join(texts))] if items else []


def _encode(subject: str, way: str) -> str:
    raw = subject.encode()
    match way:
        case "hex":
            return raw.hex()
        case "base64":
            return base64.b64encode(raw).decode()
        case "urlbase64":
            return base64.urlsafe_b64encode(raw).decode()
        case _:
            raise EvaluationError("unknown-encoding", name=way)


def _decode(subject: str, way: str) -> str | None:
    try:
        match way:
            case "hex":
                return bytes.fromhex(subject).decode()
            case "base64":
                return base64.b64decode(subject, validate=True).decode()
            case "urlbase64":
                return base64.b64decode(subject, altchars=b"-_", validate=True).decode()
            case _:
                raise EvaluationError("unknown-encoding", name=way)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None


def _escape(subject: str, target: str) -> str:
    match target:
        case "html":
            return checked_text(html.escape(subject))
        case "json":
            return json.dumps(subject, ensure_ascii=False)[1:-1]
        case _:
            raise EvaluationError("unknown-encoding", name=target)


def _unescape(subject: str, target: str) -> str | None:
    match target:
        case "html":
            return html.unescape(subject)
        case "json":
            # Bare quotes are let through: the text is often one that was written by hand.
            found = re.sub(r'\\.|"', lambda m: '\\"' if m[0] == '"' else m[0], subject, flags=re.DOTALL)
            try:
                return str(json.loads(f'"{found}"', strict=False))
            except ValueError:
                return None
        case _:
            raise EvaluationError("unknown-encoding", name=target)


FUNCTIONS: dict[str, Function] = {
    "indexOf": _of_texts("indexOf", 1, _index_of),
    "lastIndexOf": _of_texts("lastIndexOf", 1, _last_index_of),
    "substring": values(_substring, 1, 2),
    "startsWith": _of_texts("startsWith", 1, _starts_with),
    "endsWith": _of_texts("endsWith", 1, _ends_with),
    "contains": _of_texts("contains", 1, _contains),
    "upper": _of_text("upper", str.upper),
    "lower": _of_text("lower", str.lower),
    "trim": _of_text("trim", str.strip),
    "length": _of_text("length", len),
    "replace": _of_texts("replace", 2, _replace),
    "matches": _of_texts("matches", 1, _matches),
    "matchesFull": _of_texts("matchesFull", 1, _matches_full),
    "replaceMatches": _of_texts("replaceMatches", 2, _replace_matches),
    "toChars": values(_to_chars),
    "split": values(_split, 1),
    "join": values(_join, 0, 1),
    "encode": _of_texts("encode", 1, _encode),
    "decode": _of_texts("decode", 1, _decode),
    "escape": _of_texts("escape", 1, _escape),
    "unescape": _of_texts("unescape", 1, _unescape),
}
