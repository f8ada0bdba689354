"""Instances of any R4 type made from its definition and a seed: mostly right, sometimes not, so that rules meet both."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.definitions.model import Element

_DATES = ["2020", "2020-05", "2020-05-06", "2021-01-02"]
_MOMENTS = [
    *_DATES,
    "2020-05-06T10:00:00Z",
    "2020-05-06T11:00:00+01:00",
    "2020-05-06T10:00:00.500Z",
    "2021-05-06T10:00Z",
]
_TEXTS = ["a", "b", "Name1", "not a name", "http://example.org/x", "#a", "1", "*", "a.b", "a.b:c"]


class Maker:
    """`texts` are words the rule speaks of, so that its comparisons come out both ways."""

    def __init__(self, seed: int, texts: list[str]) -> None:
        self._random = Random(seed)
        self._texts = [*texts * 3, *_TEXTS]

    def node(self, type_: str, depth: int = 0, paths: frozenset[str] = frozenset()) -> Any:
        structure = definitions().structures[type_]
        if structure.kind == "primitive":
            return self._primitive(type_)
        if structure.abstract and structure.kind == "resource":
            type_ = self._random.choice(["Patient", "Composition", "MessageHeader", "Basic", "Observation"])
            structure = definitions().structures[type_]
        found: dict[str, Any] = {"resourceType": type_} if structure.kind == "resource" else {}
        chosen: set[str] = set()
        wanted = 0.75 if depth == 0 else 0.4
        for element in structure.elements.values():
            likely = element.name in paths or (element.choice or "") in paths
            if element.choice in chosen or self._random.random() > (wanted if likely else 0.08):
                continue
            if depth < 3 or definitions().structures[element.type].kind == "primitive":
                self._put(found, element, depth, paths)
                chosen.add(element.choice or "")
        return found

    def _put(self, node: dict[str, Any], element: Element, depth: int, paths: frozenset[str]) -> None:
        kind = definitions().structures[element.type].kind
        if kind == "primitive" and self._random.random() < 0.1:
            node["_" + element.name] = [{"id": "x"}] if element.is_list else {"id": "x"}
            if element.is_list:
                node[element.name] = [None]
            return
        count = self._random.choice([1, 1, 2, 3]) if element.is_list else 1
        values = [self.node(element.type, depth + 1, paths) for _ in range(count)]
        node[element.name] = values if element.is_list else values[0]

    def _primitive(self, type_: str) -> Any:
        match type_:
            case "boolean":
                return self._random.random() < 0.5
            case "integer" | "positiveInt" | "unsignedInt":
                return self._random.choice([0, 1, 2, 100, 200])
            case "decimal":
                return self._random.choice([Decimal("1.0"), Decimal("0.50"), 3, Decimal(-1), Decimal(150)])
            case "date":
                return self._random.choice(_DATES)
            case "dateTime" | "instant":
                return self._random.choice(_MOMENTS)
            case "time":
                return "10:00:00"
            case _:
                return self._random.choice(self._texts)
