"""References between the entries of a transaction become references to what the entries were stored as. Pure.

https://hl7.org/fhir/R4/http.html#trules: replaced are Reference.reference, the types uri, url, oid and uuid (so also an
attachment's url), and `href` and `src` in narratives; canonicals, ids and plain strings are not, even when they look
alike (an identifier may well carry the urn:uuid that is also the entry's fullUrl).

A resource is walked once: the walk notes the *spots* to fill in, because an entry's id can depend on its patient's,
which is known earlier than the other targets.
"""

from __future__ import annotations

import html
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from kuska.fhir.domain.call import Node
from kuska.fhir.domain.definitions.model import Definitions

_REPLACED = frozenset({"uri", "url", "oid", "uuid"})
_LINK = re.compile(r"""(<(?:a|img)\b[^>]*?\s(?:href|src)\s*=\s*)("[^"]*"|'[^']*')""")
_RESTFUL = re.compile(r"(https?://.+?/)([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(/_history/.+)?")
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?(.+)", re.DOTALL)
_PLACEHOLDER = ("urn:uuid:", "urn:oid:")


@dataclass(frozen=True, slots=True)
class Spot:
    """A text to be replaced once it is known by what. `name` is what the bundle calls the target."""

    holder: Any  # dict or list
    key: Any
    name: str
    fragment: str = ""  # what followed '#'; in a narrative, the link with its quotes as it stands there
    original: str = ""  # a narrative as it came, so that a repeated transaction starts from it


def base_of(full_url: str) -> str:
    """The base against which an entry's relative references are read, when its fullUrl has one."""
    found = _RESTFUL.fullmatch(full_url) if full_url.startswith("http") else None
    return found[1] if found else ""


def conditional(reference: str) -> tuple[str, str] | None:
    """('Patient', 'identifier=…') of a conditional reference."""
    found = _CONDITIONAL.fullmatch(reference)
    return (found[1], found[2]) if found else None


def conditionals(resource: Node) -> list[tuple[str, tuple[str, str]]]:
    """Conditional references that stand in a resource, each with its place."""
    found: list[tuple[str, tuple[str, str]]] = []
    if _asks(resource):  # as good as never: only then is the place worth finding out
        for path, node in _walk(resource, str(resource.get("resourceType"))):
            text: Any = cast("Node", node).get("reference") if isinstance(node, dict) else None
            wanted = conditional(text) if isinstance(text, str) else None
            if wanted is not None:
                found.append((f"{path}.reference", wanted))
    return found


def _asks(node: Node) -> bool:
    """Runs for every resource that is written, so it looks at no more than it must."""
    for name, value in node.items():
        kind = value.__class__
        if kind is str:
            if name == "reference" and "?" in value and conditional(value):
                return True
        elif kind is dict:
            if _asks(value):
                return True
        elif kind is list and value and value[0].__class__ is dict:
            for item in value:
                if item.__class__ is dict and _asks(item):
                    return True
    return False


def reset(spots: Iterable[Spot]) -> None:
    """Narratives as they were before `fill`; other spots need none, they are overwritten."""
    for spot in spots:
        if spot.original:
            spot.holder["div"] = spot.original


def fill(spots: Iterable[Spot], targets: Mapping[str, str]) -> list[Spot]:
    """Replaces what is known by now; returns the rest."""
    left: list[Spot] = []
    for spot in spots:
        found = targets.get(spot.name)
        if found is None:
            left.append(spot)
        elif spot.key == "div":
            text: str = spot.holder["div"]
            spot.holder["div"] = text.replace(spot.fragment, f'"{html.escape(found)}"', 1)
        else:
            spot.holder[spot.key] = f"{found}#{spot.fragment}" if spot.fragment else found
    return left


def place_of(resource: Node, holder: object) -> str:
    """The FHIRPath of a spot's holder, for an error about it (rare, so it is searched for)."""
    found = next((path for path, node in _walk(resource, str(resource.get("resourceType"))) if node is holder), "")
    return f"{found}.reference"


def _walk(node: object, path: str) -> Iterator[tuple[str, object]]:
    yield path, node
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _walk(value, f"{path}.{name}")
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _walk(item, f"{path}[{index}]")


# Where the walk is: (the holder's trail, its property, its own resourceType). The type of what stands there follows
# from it, and is worked out only for the few texts that are looked at.
_Trail = tuple[Any, str, str | None]


class Spotter:
    """Finds the spots of resources. `names` are the fullUrls of the entries that will be stored."""

    def __init__(self, definitions: Definitions, names: Container[str]) -> None:
        self._structures = definitions.structures
        self._names = names

    def spots(self, resource: Node, base: str) -> list[Spot]:
        found: list[Spot] = []
        self._node(resource, (None, "", str(resource.get("resourceType"))), base, found)
        return found

    def _name(self, text: str, base: str) -> tuple[str, str] | None:
        """(name, fragment) when the text means an entry of the bundle."""
        if text in self._names:
            return text, ""
        if base and ":" not in text and base + text in self._names:
            return base + text, ""
        if "/_history/" in text:  # the version a source had means nothing here; the resource does
            return self._name(text.partition("/_history/")[0], base)
        if "#" in text and text[0] != "#":
            stem, _, fragment = text.partition("#")
            found = self._name(stem, base)
            return (found[0], fragment) if found else None
        return None

    def _node(self, node: Node, trail: _Trail, base: str, found: list[Spot]) -> None:
        """Walks by the data. Most texts are codes and words: they are passed by at the price of two comparisons."""
        names = self._names
        for name, value in node.items():
            kind = value.__class__
            if kind is str:
                if name == "reference":
                    self._reference(node, value, trail, base, found)
                elif name == "div":
                    self._narrative(node, value, base, found)
                elif (
                    (value in names or "/" in value or "#" in value)
                    and (known := self._name(value, base))
                    and self._element(trail, name) in _REPLACED
                ):
                    found.append(Spot(node, name, *known))
            elif kind is dict:
                self._node(value, (trail, name, value.get("resourceType")), base, found)
            elif kind is list:
                self._list(value, trail, name, base, found)

    def _list(self, values: list[Any], trail: _Trail, name: str, base: str, found: list[Spot]) -> None:
        if name == "entry" and self._type(trail) == "Bundle":
            return
        for index, item in enumerate(values):
            if item.__class__ is dict:
                self._node(item, (trail, name, item.get("resourceType")), base, found)
            elif (
                item.__class__ is str and (known := self._name(item, base)) and self._element(trail, name) in _REPLACED
            ):
                found.append(Spot(values, index, *known))

    def _reference(self, node: Node, text: str, trail: _Trail, base: str, found: list[Spot]) -> None:
        known = self._name(text, base)
        if known is None and (text.startswith(_PLACEHOLDER) or ("?" in text and conditional(text))):
            known = text, ""
        if known is not None and self._type(trail) == "Reference":
            found.append(Spot(node, "reference", *known))

    def _narrative(self, node: Node, text: str, base: str, found: list[Spot]) -> None:
        if "<a" not in text and "<img" not in text:
            return
        for link in _LINK.finditer(text):
            known = self._name(html.unescape(link[2][1:-1]), base)
            if known is not None:
                found.append(Spot(node, "div", known[0], link[2], text))

    def _type(self, trail: _Trail) -> str:
        holder, name, own = trail
        return own or (self._element(holder, name) if holder is not None else "")

    def _element(self, trail: _Trail, name: str) -> str:
        structure = self._structures.get(self._type(trail))
        element = structure.elements.get(name) if structure is not None else None
        return element.type if element is not None else ""
