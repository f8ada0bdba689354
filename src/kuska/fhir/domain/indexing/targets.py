"""What references point to: rid and type number, as rows of the reference table carry them.

Invariants: a resource of this record has one rid however it is referred to (relative, absolute with one of our own
base URLs, with a version); anything else is the hash of its URL. Contained resources are nothing one can search for:
they all are one rid that no resource has, so that `:missing` still tells the truth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from kuska.fhir.domain.identity import Identities, foreign_rid

CONTAINED = foreign_rid("#")
_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_TAIL = re.compile(r"/([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}$")
_VERSION = re.compile(r"/_history/[A-Za-z0-9\-.]{1,64}$")
_REMEMBERED = 16384

Target = tuple[int, int]  # rid, type number


class Targets:
    def __init__(self, identities: Identities, numbers: Mapping[str, int], base_urls: Sequence[str]) -> None:
        self._identities = identities
        self._numbers = numbers
        self._bases = tuple(url.rstrip("/") + "/" for url in base_urls)
        # Most references of a batch are to the same few resources.
        self.of = lru_cache(_REMEMBERED)(self._of)
        self.local = lru_cache(_REMEMBERED)(self._local)

    def _of(self, text: str) -> Target:
        """Of a reference or canonical that is no fragment."""
        local = self._local(text)
        if local is not None:
            return self.address(*local)
        url = _VERSION.sub("", text)
        tail = _TAIL.search(url)
        return foreign_rid(url), self._numbers.get(tail[1], 0) if tail else 0

    def _local(self, text: str) -> tuple[str, str] | None:
        """('Patient', '123') where the reference is to a resource of this record."""
        for base in self._bases:
            if text.startswith(base):
                text = text[len(base) :]
                break
        found = _LOCAL.fullmatch(text)
        return (found[1], found[2]) if found and found[1] in self._numbers else None

    def address(self, type_: str, id_: str) -> Target:
        return self._identities.address(type_, id_).rid, self._numbers[type_]

    def number(self, type_: Any) -> int:
        return self._numbers.get(type_, 0)

    def of_reference(self, reference: dict[str, Any], resource: dict[str, Any]) -> Target | None:
        """Of a Reference element; None where it names nothing but an identifier or a display."""
        text = reference.get("reference")
        if not text:
            return None
        if text[0] == "#":
            return CONTAINED, self.number(contained_type(text, resource))
        target = self.of(text)
        if not target[1] and "type" in reference:
            return target[0], self.number(reference["type"])
        return target

    def points_to(self, type_: str, reference: dict[str, Any], resource: dict[str, Any]) -> bool:
        """`resolve() is Type`, as far as the reference itself tells."""
        target = self.of_reference(reference, resource)
        number = self._numbers[type_]
        return reference.get("type") == type_ if target is None else target[1] == number

    def text(self, reference: dict[str, Any]) -> str | None:
        """'Type/id', or the URL of what is elsewhere; None for what cannot be named."""
        text = reference.get("reference")
        if not text or text[0] == "#":
            return None
        local = self.local(text)
        return text if local is None else f"{local[0]}/{local[1]}"


def contained_type(fragment: str, resource: dict[str, Any]) -> str | None:
    if fragment == "#":
        return resource.get("resourceType")
    for contained in resource.get("contained") or ():
        if contained.get("id") == fragment[1:]:
            return contained.get("resourceType")
    return None
