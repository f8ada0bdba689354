"""Messages to people: catalogue keys with parameters, said in the reader's language.

Every context keeps `messages/<part>.<lang>.toml`, flat files of `"key" = "text with {parameters}"`. They are found by
their place, so that a context adds messages without registering anywhere. Spanish is the default; every key exists in
every language (a test holds that). A key that is not in the catalogue is shown as it stands: a missing translation
must never hide an error.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Protocol

from kuska.kit.errors import Issue

LANGUAGES = ("es", "en")
DEFAULT_LANGUAGE = "es"
_PACKAGE = Path(__file__).resolve().parent.parent


class Tell(Protocol):
    """Says a message, by its key, to whoever started this and waits."""

    def __call__(self, key: str, /, **params: object) -> None: ...


def silent(key: str, /, **params: object) -> None:
    """A `Tell` to nobody."""


class _Gaps(dict[str, str]):
    """Parameters of one message; one that was not given is shown as its placeholder."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


@cache
def catalogue(lang: str) -> Mapping[str, str]:
    """All messages of one language, of all contexts. A key defined twice is a mistake of the build."""
    found: dict[str, str] = {}
    for path in sorted(_PACKAGE.glob(f"*/messages/*.{lang}.toml")):
        for key, text in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if not isinstance(text, str):
                raise TypeError(f"{path.name}: {key!r} is not a text; keys with dots need quotes")
            if key in found:
                raise ValueError(f"{path.name}: {key!r} is defined twice")
            found[key] = text
    return found


def render(issue: Issue, lang: str = DEFAULT_LANGUAGE) -> str:
    return text(issue.message, issue.params, lang)


def text(key: str, params: Mapping[str, object], lang: str = DEFAULT_LANGUAGE) -> str:
    template = catalogue(lang).get(key)
    if template is None:
        return f"{key} {dict(params)}" if params else key
    return template.format_map(_Gaps({name: _shown(value) for name, value in params.items()}))


def _shown(value: object) -> str:
    if isinstance(value, list | tuple | set | frozenset):
        items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return ", ".join(str(item) for item in items)
    return str(value)


@lru_cache(maxsize=512)
def language(accept_language: str | None) -> str:
    """The language to answer in, from an Accept-Language header (RFC 9110 §12.5.4); Spanish when nothing fits."""
    best, best_weight = DEFAULT_LANGUAGE, 0.0
    for part in (accept_language or "").split(","):
        tag, _, rest = part.partition(";")
        primary = tag.strip().lower().partition("-")[0]
        weight = _weight(rest)
        if primary == "*":
            primary = DEFAULT_LANGUAGE
        if primary in LANGUAGES and weight > best_weight:
            best, best_weight = primary, weight
    return best


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
