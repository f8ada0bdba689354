"""Scopes in plain words, for whoever consents to them or gives them to a role.

Rules with the same verbs and the same restriction become one sentence with a list of things. A type without a word of
ours is shown by its FHIR name: better a strange word than a silent right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kuska.kit.messages import catalogue
from kuska.security.contracts import ScopeRule

_VERBS = (("r", "scope.read"), ("s", "scope.read"), ("c", "scope.add"), ("u", "scope.correct"), ("d", "scope.delete"))


@dataclass(frozen=True, slots=True)
class Sentence:
    verbs: str  # 'Ver, agregar'
    things: tuple[str, ...]
    only: str = ""  # 'category = laboratory'
    wide: bool = False  # everything, or everything of everybody: worth a second look


def sentences(rules: Iterable[ScopeRule], t: Callable[[str], str], lang: str) -> tuple[Sentence, ...]:
    grouped: dict[tuple[str, str, bool], list[str]] = {}
    for rule in rules:
        verbs = ", ".join(dict.fromkeys(t(key) for letter, key in _VERBS if letter in rule.letters))
        key = (verbs[:1].upper() + verbs[1:], _only(rule), rule.type == "*")
        grouped.setdefault(key, []).append(_thing(rule.type, lang))
    return tuple(
        Sentence(verbs, tuple(sorted(set(things))), only, wide) for (verbs, only, wide), things in grouped.items()
    )


def _thing(type_: str, lang: str) -> str:
    return catalogue(lang).get(f"type.{type_}", type_)


def _only(rule: ScopeRule) -> str:
    """The code without its system: 'laboratory' says more than the address before it."""
    return ", ".join(f"{name} = {value.rpartition('|')[2]}" for name, value in rule.query)
