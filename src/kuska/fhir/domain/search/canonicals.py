"""Which parameters hold canonical URLs, and what those name: resources with that `url`, and `version` where one is said.

https://hl7.org/fhir/R4/references.html#canonical. The rows of such a parameter are those of any reference to a URL, so
a chain, `_has` or an include goes from row to URL to the resources that have it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from kuska.fhir.domain.definitions.model import Definitions, SearchParameter
from kuska.fhir.domain.indexing.paths import paths
from kuska.fhir.domain.search.naming import Names
from kuska.fhir.domain.search.tree import Link

_URLS = frozenset({"canonical", "uri", "url"})


def holds_canonicals(definitions: Definitions, parameter: SearchParameter) -> bool:
    if parameter.type != "reference":
        return False
    found = paths(parameter.expression, parameter.base, definitions.structures)
    return bool(found) and all(path.type in _URLS for path in found)


def nameable(definitions: Definitions, type_: str) -> bool:
    """Has it a canonical URL? (A Device's and a Subscription's `url` is an address in the network.)"""
    return {"url", "version"} <= definitions.search[type_].keys()


class Canonicals:
    """`address`: what an index row has for a URL."""

    def __init__(self, definitions: Definitions, names: Names, address: Callable[[str], int]) -> None:
        self._definitions = definitions
        self._names = names
        self._address = address

    def link(self, parameter: SearchParameter, target: str) -> Link | None:
        """None where the parameter holds references, or the target has no canonical URL."""
        if parameter.key not in self._holding or not nameable(self._definitions, target):
            return None
        known = self._definitions.search[target]
        return Link(
            self._names.keys(parameter),
            self._names.number(target),
            known["url"].key,
            known["version"].key,
            self._names.number(parameter.base),
            self._address,
        )

    def links(self, parameters: Iterable[SearchParameter], target: str | None = None) -> tuple[Link, ...]:
        return tuple(link for parameter in parameters for link in self._links(parameter, target))

    @cached_property
    def all(self) -> tuple[Link, ...]:
        """For `_include=*`."""
        return self.links(p for known in self._definitions.search.values() for p in known.values())

    def _links(self, parameter: SearchParameter, target: str | None) -> Iterator[Link]:
        if parameter.key not in self._holding:
            return
        for one in parameter.targets or self._definitions.resource_types:
            if target in (None, one) and (link := self.link(parameter, one)) is not None:
                yield link

    @cached_property
    def _holding(self) -> frozenset[int]:
        every = (parameter for known in self._definitions.search.values() for parameter in known.values())
        return frozenset(p.key for p in every if holds_canonicals(self._definitions, p))
