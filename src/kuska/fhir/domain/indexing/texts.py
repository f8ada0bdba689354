"""Strings as index rows: one for the whole value, one for each later word that no other row would find.

A query word finds a row whose text begins with it, so a word needs a row of its own only when no whole value of the
same element begins with it. `name` of "María Quispe" with the text "María Quispe" is three rows: maria, quispe, maria
quispe.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from kuska.fhir.domain.indexing.keys import exact_hash, fold, sort_key, words
from kuska.fhir.domain.indexing.rows import StringRow

_NAME_PARTS = (("family", False), ("given", True), ("prefix", True), ("suffix", True), ("text", False))
_ADDRESS_PARTS = (
    ("line", True),
    ("city", False),
    ("district", False),
    ("state", False),
    ("postalCode", False),
    ("country", False),
    ("text", False),
)


@lru_cache(maxsize=16384)
def _whole(value: str) -> tuple[str, int, str | None, tuple[str, ...]]:
    """Folded, hash, sort key, and all words after the first."""
    text = fold(value)
    later = words(value)[1:] if " " in text else ()
    return text, exact_hash(value), sort_key(value), tuple(later)


def add_text(key: int, value: str, out: list[StringRow]) -> None:
    text, exact, sort, later = _whole(value)
    out.append((key, text, exact, sort))
    out += [(key, word, None, None) for word in later if not text.startswith(word)]


def add_texts(key: int, values: Iterable[str], out: list[StringRow]) -> None:
    wholes: list[str] = []
    waiting: dict[str, None] = {}
    for value in values:
        text, exact, sort, later = _whole(value)
        out.append((key, text, exact, sort))
        wholes.append(text)
        for word in later:
            waiting[word] = None
    wholes.sort()  # the first that is not before a word begins with it, if any does: many words and many wholes stay cheap
    for word in waiting:
        place = bisect_left(wholes, word)
        if place == len(wholes) or not wholes[place].startswith(word):
            out.append((key, word, None, None))


def name_parts(name: dict[str, Any]) -> list[str]:
    return _parts(name, _NAME_PARTS)


def address_parts(address: dict[str, Any]) -> list[str]:
    return _parts(address, _ADDRESS_PARTS)


def _parts(value: dict[str, Any], names: Iterable[tuple[str, bool]]) -> list[str]:
    found: list[str] = []
    for name, many in names:
        part = value.get(name)
        if part is not None:
            if many:
                found += [item for item in part if item is not None]
            else:
                found.append(part)
    return found
