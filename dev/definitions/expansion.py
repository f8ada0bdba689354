"""ValueSets to the codes they hold, where the package can say it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]
Codes = dict[str, set[str]]  # by system
# Larger ones are of no use to validation here and would only swell the artifact.
_MOST_CODES = 6000


class Unknown(Exception):  # noqa: N818 - an answer, not a failure
    """The set cannot be enumerated from what the package holds."""


class Terminology:
    def __init__(self, resources: Iterable[Json]) -> None:
        self.value_sets: dict[str, Json] = {}
        self.code_systems: dict[str, Json] = {}
        for resource in resources:
            if resource["resourceType"] == "ValueSet":
                self.value_sets[resource["url"]] = resource
            elif resource["resourceType"] == "CodeSystem":
                self.code_systems[resource["url"]] = resource

    def built(self, urls: Iterable[str]) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for url in sorted(set(urls)):
            try:
                codes = self.expanded(url)
            except Unknown:
                codes = None
            if codes is not None and sum(map(len, codes.values())) > _MOST_CODES:
                codes = None
            by_system = None if codes is None else {system: sorted(c) for system, c in sorted(codes.items())}
            found[url] = {"url": url, "by_system": by_system}
        return found

    def expanded(self, url: str, within: tuple[str, ...] = ()) -> Codes:
        if url in within or url not in self.value_sets:
            raise Unknown(url)
        compose = self.value_sets[url].get("compose")
        if compose is None:
            raise Unknown(url)
        found: defaultdict[str, set[str]] = defaultdict(set)
        for include in compose.get("include", []):
            for system, codes in self._part(include, (*within, url)).items():
                found[system] |= codes
        for exclude in compose.get("exclude", []):
            for system, codes in self._part(exclude, (*within, url)).items():
                found[system] -= codes
        return {system: codes for system, codes in found.items() if codes}

    def _part(self, part: Json, within: tuple[str, ...]) -> Codes:
        """One include or exclude: what its system says, cut with every value set it names."""
        named = [self.expanded(url.partition("|")[0], within) for url in part.get("valueSet", [])]
        if "system" in part:
            named.append({part["system"]: self._of_system(part)})
        if not named:
            raise Unknown(str(part))
        found = named[0]
        for other in named[1:]:
            found = {system: codes & other.get(system, set()) for system, codes in found.items()}
        return found

    def _of_system(self, part: Json) -> set[str]:
        if "concept" in part:
            return {concept["code"] for concept in part["concept"]}
        system = self.code_systems.get(part["system"])
        if system is None or system["content"] != "complete" or "concept" not in system:
            raise Unknown(part["system"])
        tree = _Tree(system)
        found = set(tree.concepts)
        for condition in part.get("filter", []):
            found &= tree.matching(condition)
        return found


class _Tree:
    """The concepts of a code system with all their ancestors."""

    def __init__(self, system: Json) -> None:
        self.concepts: dict[str, Json] = {}
        self.parents: defaultdict[str, set[str]] = defaultdict(set)
        self._add(system["concept"], None)

    def _add(self, concepts: list[Json], parent: str | None) -> None:
        for concept in concepts:
            self.concepts[concept["code"]] = concept
            if parent is not None:
                self.parents[concept["code"]].add(parent)
            for property_ in concept.get("property", []):
                # v3 code systems write their further parents as properties.
                if property_["code"] in ("subsumedBy", "parent") and "valueCode" in property_:
                    self.parents[concept["code"]].add(property_["valueCode"])
            self._add(concept.get("concept", []), concept["code"])

    def matching(self, condition: Json) -> set[str]:
        operator, value, name = condition["op"], condition["value"], condition["property"]
        if operator == "is-a":
            return self._below(value) | {value}
        if operator == "descendent-of":
            return self._below(value)
        if operator == "is-not-a":
            return set(self.concepts) - self._below(value) - {value}
        if operator == "=":
            return {code for code, c in self.concepts.items() if value in _property(c, name)}
        if operator == "regex" and name in ("code", "concept"):
            return {code for code in self.concepts if re.fullmatch(value, code)}
        raise Unknown(f"{name} {operator} {value}")

    def _below(self, top: str) -> set[str]:
        found: set[str] = set()
        reached = {top}
        while reached:
            reached = {code for code, parents in self.parents.items() if parents & reached} - found
            found |= reached
        return found


def _property(concept: Json, name: str) -> set[str]:
    if name in ("code", "concept"):
        return {concept["code"]}
    found: set[str] = set()
    for property_ in concept.get("property", []):
        if property_["code"] == name:
            found.update(str(v) for k, v in property_.items() if k.startswith("value"))
    return found
