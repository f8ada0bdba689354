"""dom-3: a contained resource is referred to from the resource around it, or refers to that resource."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kuska.fhir.domain.definitions.model import Definitions
from kuska.kit.json import Node

_LINKS = ("canonical", "uri", "url")


def all_referenced(node: Node, resource: Node, definitions: Definitions) -> bool:
    """The same as the FHIRPath of dom-3, in one walk."""
    inner = node.get("contained")
    contained: list[Any] = [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []
    if not contained:
        return True
    # Nearly always they are named by a `reference`; only if not, the other kinds of links are looked for.
    used = _references(resource)
    if all("#" + one["id"] in used for one in contained if isinstance(one.get("id"), str)):
        return True
    used = {text for text, _ in _links(resource, definitions) if text.startswith("#")}
    for one in contained:
        id_ = one.get("id")
        if not isinstance(id_, str) or "#" + id_ in used:
            continue  # without an id the expression is empty, and `where` leaves the resource out
        back = [type_ for text, type_ in _links(one, definitions) if text == "#"]
        if "reference" not in back and "canonical" not in back:
            return False
    return True


def _references(resource: Node) -> set[str]:
    """Every `reference` below, whatever has it."""
    found: set[str] = set()
    waiting: list[Any] = [resource]
    while waiting:
        one = waiting.pop()
        if one.__class__ is dict:
            reference = one.get("reference")
            if reference.__class__ is str:
                found.add(reference)
            waiting.extend(value for value in one.values() if value.__class__ is dict or value.__class__ is list)
        else:
            waiting.extend(value for value in one if value.__class__ is dict or value.__class__ is list)
    return found


def _links(node: Node, definitions: Definitions) -> Iterator[tuple[str, str]]:
    """Every `reference` and every canonical, uri and url below, with which of them it is."""
    type_ = node.get("resourceType")
    if not isinstance(type_, str) or type_ not in definitions.structures:
        return
    waiting: list[tuple[Node, str]] = [(node, type_)]
    while waiting:
        owner, name = waiting.pop()
        elements = definitions.structures[name].elements
        for key, value in owner.items():
            element = elements.get(key)
            if element is None:
                if key.startswith("_"):
                    waiting.extend((one, "Element") for one in _each(value) if isinstance(one, dict))
                continue
            for one in _each(value):
                if isinstance(one, dict):
                    inner = one.get("resourceType") if element.type == "Resource" else element.type
                    if isinstance(inner, str) and inner in definitions.structures:
                        waiting.append((one, inner))
                elif isinstance(one, str):
                    if element.type in _LINKS:
                        yield one, element.type
                    elif key == "reference":
                        yield one, "reference"


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
