"""The rules of R4 on HL7's own examples: the fast path and the engine say the same, element by element."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.definitions.model import Structure
from kuska.fhir.domain.fhirpath import compile_check
from kuska.fhir.domain.fhirpath.check import Check, by_engine
from kuska.kit.json import Node, decode

_engine = cache(by_engine)
_Case = tuple[str, str, Any, Node, Node]  # rule, type, element, resource, root
_EVERYWHERE = {"ele-1"}  # on every element of every resource: a few files are enough


@pytest.mark.requirement("HC-01")
def test_rules_on_the_examples(corpus: Path) -> None:
    folder = corpus / "fhir-examples-r4"
    count = 0
    for name in ("examples", "conformance"):
        with gzip.open(folder / f"{name}.ndjson.gz") as lines:
            for place, line in enumerate(lines):
                if name == "conformance" and place % 4:
                    continue  # large and alike
                node = decode(line)
                for rule, type_, element, resource, root in _cases(node, node["resourceType"], node, node):
                    fast: Check = compile_check(rule, type_)
                    assert fast(element, resource, root) is _engine(rule, type_)(element, resource, root), (rule, type_)
                    count += 1
    assert count > 25_000


def _cases(node: Any, type_: str, resource: Node, root: Node) -> Iterator[_Case]:
    structure: Structure = definitions().structures[type_]
    for constraint in structure.constraints:
        if constraint.key not in _EVERYWHERE:
            yield constraint.expression, type_, node, resource, root
    if not isinstance(node, dict):
        return
    for element in structure.elements.values():
        value = node.get(element.name)
        for one in value if isinstance(value, list) else [value]:
            if one is None:
                continue
            for constraint in element.constraints:
                if constraint.key not in _EVERYWHERE:
                    yield constraint.expression, element.type, one, resource, root
            if element.type == "Resource":
                yield from _cases(one, one["resourceType"], one, root if element.name == "contained" else one)
            else:
                yield from _cases(one, element.type, resource, root)
