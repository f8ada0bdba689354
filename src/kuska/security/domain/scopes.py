"""Scopes of SMART App Launch 2.x as values: read, written, narrowed. https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html

A clinical scope becomes a `ScopeRule`; the rest (`openid`, `launch/patient`, …) are features, plain words from a closed
list. Scopes of version 1 (`patient/Observation.read`) are taken and given back as version 2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal, cast
from urllib.parse import parse_qsl, quote

from kuska.kit.errors import IncorrectError, Issue
from kuska.security.contracts import ScopeRule

LETTERS = "cruds"
FEATURES = (
    "openid",
    "fhirUser",
    "profile",
    "launch",
    "launch/patient",
    "launch/encounter",
    "offline_access",
    "online_access",
)
_FIRST_VERSION = {"read": "rs", "write": "cud", "*": LETTERS}
_CLINICAL = re.compile(
    r"(?P<context>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]{0,63})\.(?P<letters>read|write|\*|c?r?u?d?s?)"
    r"(?:\?(?P<query>.+))?"
)
# A request of thousands of scopes is no application's; their narrowing is a product of two lists.
MOST = 200
_LONGEST = 8000

# Type (or '*') and search parameter: whether it can be told, of a resource at hand, if it meets a restriction by this
# parameter. The record knows.
Decidable = Callable[[str, str], bool]


def every_restriction(_type: str, _name: str) -> bool:
    """Where there is no record that could say."""
    return True


class ScopeError(IncorrectError):
    """A scope that cannot be read."""

    def __init__(self, scope: str) -> None:
        super().__init__(Issue(code="invalid", message="security.scope-invalid", params={"scope": scope[:200]}))


@dataclass(frozen=True, slots=True)
class Scopes:
    rules: tuple[ScopeRule, ...] = ()
    features: tuple[str, ...] = ()  # in the order of FEATURES

    def __str__(self) -> str:
        return render(self.rules, self.features)

    def __bool__(self) -> bool:
        return bool(self.rules or self.features)


NO_SCOPES = Scopes()


def parse(text: str) -> tuple[ScopeRule, ...]:
    """Clinical scopes separated by spaces; anything else is an error (roles and clients are configured with this)."""
    return tuple(dict.fromkeys(_rule(word) for word in _words(text)))


def read(text: str) -> Scopes:
    """Scopes of a client's configuration: clinical ones and features; anything else is an error."""
    words = _words(text)
    return Scopes(parse(" ".join(word for word in words if word not in FEATURES)), _features(words))


def asked(text: str) -> Scopes:
    """Scopes of a request. What is not understood is left out, as RFC 6749 section 3.3 allows: it is granted to nobody."""
    words = _words(text)
    rules = (_read(word) for word in words)
    return Scopes(tuple(dict.fromkeys(rule for rule in rules if rule)), _features(words))


def render(rules: Iterable[ScopeRule], features: Iterable[str] = ()) -> str:
    return " ".join([*features, *(text(rule) for rule in rules)])


def text(rule: ScopeRule) -> str:
    letters = "".join(letter for letter in LETTERS if letter in rule.letters)
    query = "&".join(f"{quote(name, safe=':._-')}={quote(value, safe='/:|,$._-')}" for name, value in rule.query)
    return f"{rule.context}/{rule.type}.{letters}{'?' if query else ''}{query}"


def narrow(requested: Iterable[ScopeRule], allowed: Iterable[ScopeRule]) -> tuple[ScopeRule, ...]:
    """What is in both. Restrictions add up; what another rule of the result contains is left out."""
    both = {met: None for one, other in product(requested, allowed) if (met := _meet(one, other))}
    return tuple(rule for rule in both if not any(rule != wider and covers(wider, rule) for wider in both))


def undecidable(rules: Iterable[ScopeRule], decidable: Decidable) -> str:
    """The first scope whose restriction cannot be decided, as text; '' when there is none. It would open nothing, and its
    client would look for the reason in vain.
    """
    for rule in rules:
        if not all(decidable(rule.type, name) for name, _ in rule.query):
            return text(rule)
    return ""


def within(requested: Scopes, allowed: Scopes) -> Scopes:
    return Scopes(
        narrow(requested.rules, allowed.rules), tuple(word for word in requested.features if word in allowed.features)
    )


def covers(wider: ScopeRule, rule: ScopeRule) -> bool:
    """Whatever `rule` opens, `wider` opens."""
    return (
        (wider.context == rule.context or (wider.context == "user" and rule.context == "patient"))
        and wider.type in ("*", rule.type)
        and wider.letters >= rule.letters
        and set(wider.query) <= set(rule.query)
    )


def _meet(requested: ScopeRule, allowed: ScopeRule) -> ScopeRule | None:
    # `user/` is all that the person reaches; a `patient/` scope is a part of it. No other context contains another.
    if requested.context != allowed.context and (requested.context, allowed.context) != ("patient", "user"):
        return None
    if "*" not in (requested.type, allowed.type) and requested.type != allowed.type:
        return None
    letters = requested.letters & allowed.letters
    if not letters:
        return None
    type_ = allowed.type if requested.type == "*" else requested.type
    return ScopeRule(requested.context, type_, letters, tuple(sorted({*requested.query, *allowed.query})))


def _words(text: str) -> list[str]:
    if len(text) > _LONGEST or text.count(" ") >= MOST:
        raise ScopeError(text)
    return text.split()


def _features(words: list[str]) -> tuple[str, ...]:
    return tuple(word for word in FEATURES if word in words)


def _rule(word: str) -> ScopeRule:
    rule = _read(word)
    if rule is None:
        raise ScopeError(word)
    return rule


@lru_cache(maxsize=1024)  # every token says them again; the few that a server knows are soon all here
def _read(word: str) -> ScopeRule | None:
    match = _CLINICAL.fullmatch(word)
    if match is None or not match["letters"]:
        return None
    query: list[tuple[str, str]] = []
    if match["query"]:
        try:
            query = parse_qsl(match["query"], strict_parsing=True, keep_blank_values=True)
        except ValueError:
            return None
        if not all(name and value for name, value in query):
            return None  # a restriction that restricts nothing is a mistake, and must not open everything
    return ScopeRule(
        cast("Literal['patient', 'user', 'system']", match["context"]),
        match["type"],
        frozenset(_FIRST_VERSION.get(match["letters"], match["letters"])),
        tuple(sorted(set(query))),
    )
