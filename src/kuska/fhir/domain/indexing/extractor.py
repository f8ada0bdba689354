"""`Extractor.rows(node)`: all index rows of one resource, compiled per type at its first use.

Invariants: rows are unique within their table and come in the resource's own order, so that equal bodies give equal
rows; only parameters that answer for themselves (`answered_by`) have rows; contained resources have none of their own.
The resource has passed validation: what is not shaped as R4 says may raise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kuska.fhir.domain.definitions.model import Definitions, SearchParameter
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.indexing.adders import Adders
from kuska.fhir.domain.indexing.composites import Composites
from kuska.fhir.domain.indexing.dates import UTC, Calendar
from kuska.fhir.domain.indexing.displays import Displays
from kuska.fhir.domain.indexing.home import HomeRule, home_rule
from kuska.fhir.domain.indexing.paths import paths
from kuska.fhir.domain.indexing.rows import IndexRows
from kuska.fhir.domain.indexing.targets import Targets
from kuska.fhir.domain.indexing.walking import Handler, Tree

_Node = dict[str, Any]
# Columns of the resource table, or answered without rows.
WITHOUT_ROWS = frozenset({"_id", "_lastUpdated", "_list", "_has", "_type", "_filter", "_query", "_text", "_content"})
_EXISTENCE = ".exists() and "


class Extractor:
    """`calendar`: the zone of dates without one. All writers and readers of a database have the same."""

    def __init__(
        self, definitions: Definitions, identities: Identities, base_urls: Sequence[str], calendar: Calendar = UTC
    ) -> None:
        self._definitions = definitions
        self._targets = Targets(identities, definitions.type_numbers, base_urls)
        self.displays = Displays()
        self._adders = Adders(definitions, self._targets, self.displays, calendar)
        self._composites = Composites(definitions.structures, definitions.value_sets, self._targets, calendar)
        self._compiled: dict[str, Handler] = {}
        self._homes: dict[str, HomeRule] = {}

    def rows(self, node: _Node) -> IndexRows:
        type_: str = node["resourceType"]
        run = self._compiled.get(type_)
        if run is None:
            run = self._compiled[type_] = self._compile(type_)
        rows = IndexRows()
        run(node, rows, node)
        for table in (
            rows.tokens,
            rows.strings,
            rows.dates,
            rows.quantities,
            rows.references,
            rows.composites,
            rows.displays,
        ):
            if len(table) > 1:
                _drop_repeated(table)
        return rows

    def home_patient(self, node: _Node) -> str | None:
        """'Patient/x' where the resource belongs to one patient of this record."""
        return self._home(node["resourceType"]).patient(node)

    def home_parameters(self, type_: str) -> frozenset[str]:
        """Search parameters that decide the bucket: all that is found by one of them lies with the patient asked for."""
        return self._home(type_).parameters

    def home_places(self, type_: str) -> tuple[tuple[str, ...], ...]:
        """Where `home_patient` looks, in its order."""
        return self._home(type_).places

    def local_patient(self, reference: str) -> str | None:
        """'x' of a reference to Patient/x of this record."""
        found = self._targets.local(reference) if reference else None
        return found[1] if found is not None and found[0] == "Patient" else None

    def _home(self, type_: str) -> HomeRule:
        rule = self._homes.get(type_)
        if rule is None:
            rule = self._homes[type_] = home_rule(type_, self._definitions, self._targets)
        return rule

    def _compile(self, type_: str) -> Handler:
        tree = Tree()
        for code, parameter in self._definitions.search[type_].items():
            if code in parameter.answered_by and code not in WITHOUT_ROWS and parameter.type != "special":
                self._plant(tree, parameter)
        return tree.compiled(self._targets)

    def _plant(self, tree: Tree, parameter: SearchParameter) -> None:
        if _EXISTENCE in parameter.expression:
            tree.add((), _existence(parameter, self._definitions))
            return
        for path in paths(parameter.expression, parameter.base, self._definitions.structures):
            if parameter.type == "composite":
                tree.add(path.steps, self._composites.of(parameter, path))
                continue
            for handler in self._adders.of(parameter, path):
                tree.add(path.steps, handler)


def _existence(parameter: SearchParameter, definitions: Definitions) -> Handler:
    """`x.exists() and x != false`: true or false of every resource, whether it has the element or not."""
    expression, key = parameter.expression.partition(_EXISTENCE)[0], parameter.key
    names = [path.element.name for path in paths(expression, parameter.base, definitions.structures) if path.element]

    def add(node: _Node, rows: IndexRows, _: _Node) -> None:
        found = any(node.get(name) not in (None, False) for name in names)
        rows.tokens.append((key, 0, "true" if found else "false"))

    return add


def _drop_repeated(table: list[Any]) -> None:
    unique = dict.fromkeys(table)
    if len(unique) != len(table):
        table[:] = unique
