"""Small readings of FHIR parts that every section of the summary needs. Tolerant: a missing part is None."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Node = dict[str, Any]

_VOID = frozenset({"entered-in-error", "refuted"})


def codes(concept: Node | None) -> tuple[tuple[str, str], ...]:
    """(system, code) of every coding."""
    if concept is None:
        return ()
    return tuple((c.get("system", ""), c["code"]) for c in concept.get("coding", ()) if "code" in c)


def has_code(concept: Node | None, *wanted: str) -> bool:
    return any(code in wanted for _, code in codes(concept))


def first_code(concept: Node | None) -> str | None:
    return next((code for _, code in codes(concept)), None)


def label(concept: Node | None) -> str | None:
    """How the concept was called by whoever wrote it, else its first display, else its code."""
    if concept is None:
        return None
    if "text" in concept:
        return str(concept["text"])
    for coding in concept.get("coding", ()):
        if "display" in coding:
            return str(coding["display"])
    return first_code(concept)


def shown(reference: Node | None) -> str | None:
    return None if reference is None else reference.get("display")


def valid(node: Node) -> bool:
    """Not taken back by whoever wrote it."""
    return node.get("status") not in _VOID and not has_code(node.get("verificationStatus"), *_VOID)


def newest_first(nodes: Iterable[Node], *paths: str) -> list[Node]:
    """By the first of the dates that a resource has; without any, last. ISO texts sort as they are, but for zones."""
    return sorted(nodes, key=lambda node: when(node, *paths) or "", reverse=True)


def when(node: Node, *paths: str) -> str | None:
    for path in paths:
        value: Any = node
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str):
            return value
    return None


def day(text: str | None) -> str | None:
    return None if text is None else text[:10]
