"""Regular expressions from expressions, guarded: bounded in size, stopped when they take too long.

Invariants: no pattern holds the process longer than `_SECONDS`, or than is left of what its sender may use
(allowance.py), whatever the pattern and the text.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import regex

from kuska.fhir.domain.fhirpath.allowance import at_most
from kuska.fhir.domain.fhirpath.errors import EvaluationError, EvaluationLimitError
from kuska.fhir.domain.fhirpath.scope import MAX_TEXT

_MAX_PATTERN = 2_000
_MAX_SIZE = 20_000  # characters, once what {n} repeats is written out
_SECONDS = 0.25
_PIECE = regex.compile(r"\\.|\[\^?\]?(?:\\.|[^\]])*\]|\{(\d*),?(\d*)\}|.", regex.DOTALL)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    if len(pattern) > _MAX_PATTERN:
        raise EvaluationLimitError("pattern-too-long", limit=_MAX_PATTERN)
    if _size(pattern) > _MAX_SIZE:
        raise EvaluationLimitError("pattern-too-long", limit=_MAX_SIZE)
    try:
        return regex.compile(pattern, regex.DOTALL)
    except (regex.error, RecursionError, OverflowError) as error:
        raise EvaluationError("bad-pattern", problem=str(error)) from error


def _size(pattern: str) -> int:
    """How long the pattern is with its counted repetitions written out: `((a{1000}){1000}){1000}` is a thousand million."""
    open_, last = [0], 0
    for piece in _PIECE.finditer(pattern):
        text = piece[0]
        if text == "(":
            open_.append(0)
        elif text == ")" and len(open_) > 1:
            last = open_.pop()
            open_[-1] += last
        elif piece[1] is not None:
            count = piece[2] or piece[1]
            repeated = last * max(0, int(count[:9] or 1) - 1)
            open_[-1] += repeated
            last += repeated
        else:
            last = 1
            open_[-1] += 1
    return sum(open_)


def found(pattern: str, text: str) -> bool:
    """Does it match anywhere?"""
    return _timed(_compiled(pattern).search, text) is not None


def finder(pattern: str) -> Callable[[str], bool]:
    """`found`, for a pattern that is used again and again."""
    search = _compiled(pattern).search

    def finds(text: str) -> bool:
        return _timed(search, text) is not None

    return finds


def matched(pattern: str, text: str) -> bool:
    """Does it match the whole text?"""
    return _timed(_compiled(pattern).fullmatch, text) is not None


def replaced(pattern: str, text: str, by: str) -> str:
    compiled = _compiled(pattern)
    template = regex.sub(r"\$(\d{1,2}|\{\w+\})", lambda m: rf"\g<{m[1].strip('{}')}>", by.replace("\\", "\\\\"))
    if len(text) * (len(by) + 1) > MAX_TEXT * 10:
        raise EvaluationLimitError("text-too-long", limit=MAX_TEXT)
    try:
        return str(compiled.sub(template, text, timeout=at_most(_SECONDS)))
    except TimeoutError as error:
        raise EvaluationLimitError("pattern-too-slow") from error
    except (regex.error, IndexError) as error:
        raise EvaluationError("bad-pattern", problem=str(error)) from error


def _timed(match: Any, text: str) -> Any:
    try:
        return match(text, timeout=at_most(_SECONDS))
    except TimeoutError as error:
        raise EvaluationLimitError("pattern-too-slow") from error
