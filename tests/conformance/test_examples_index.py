"""The examples of the R4 specification: every search parameter finds in them what a plain reading of its expression does.

The reading here is another one than the product's: it goes through the JSON by the words of the expression, step by
step, and knows of the definitions only which names are types.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.indexing.extractor import Extractor
from kuska.fhir.domain.indexing.paths import Member, paths
from kuska.fhir.domain.indexing.walking import collector
from kuska.kit.json import decode

_STEP = re.compile(r"\.?([a-zA-Z]+\((?:[^()]|\(\))*\)|[a-zA-Z]+)|(\[0\])")


def read(expression: str, node: dict[str, Any]) -> Iterator[Any]:
    for part in expression.split(" | "):
        found: list[Any] = [(node, node["resourceType"])]
        for step, first in _STEP.findall(part.partition(".")[2]):
            found = (
                found[:1] if first else [after for value, type_ in found for after in _into(step, value, type_, node)]
            )
        yield from (value for value, _ in found)


def _into(step: str, value: Any, type_: str, node: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    if step.startswith("ofType("):
        if type_.lower() == step[7:-1].lower():
            yield value, type_
    elif step.startswith("where(resolve() is "):
        if _points_to(value, step[19:-1], node):
            yield value, type_
    elif step.startswith("where("):
        name, wanted = step[6:-2].split("='")
        if value.get(name) == wanted:
            yield value, type_
    elif isinstance(value, dict):
        for name, inner in value.items():
            suffix = name[len(step) :]
            chosen = step not in value and name.startswith(step) and suffix in _types()
            if name == step or chosen:
                items = inner if isinstance(inner, list) else [inner]
                yield from ((item, suffix) for item in items if item is not None)


def _points_to(value: dict[str, Any], type_: str, node: dict[str, Any]) -> bool:
    reference = value.get("reference", "")
    if reference.startswith("#"):
        return any(c["resourceType"] == type_ for c in node.get("contained", ()) if c.get("id") == reference[1:])
    return f"/{type_}/" in f"/{reference}" or (not reference and value.get("type") == type_)


def _types() -> frozenset[str]:
    return frozenset(name[0].upper() + name[1:] for name, s in definitions().structures.items() if s.kind != "backbone")


def wrong(extractor: Extractor, node: dict[str, Any]) -> str:
    """What is wrong, '' for nothing."""
    known = definitions()
    type_ = node["resourceType"]
    rows = extractor.rows(node)
    extractor.home_patient(node)
    for table in (rows.tokens, rows.strings, rows.dates, rows.quantities, rows.references, rows.composites):
        if len(set(table)) != len(table):
            return "rows are not unique"
    for code, parameter in known.search[type_].items():
        if code not in parameter.answered_by or parameter.type == "composite" or " and " in parameter.expression:
            continue
        expected = list(read(parameter.expression, node))
        found: list[Any] = []
        for path in paths(parameter.expression, type_, known.structures):
            assert isinstance(path.steps[0], Member)
            found += collector(path.steps, extractor._targets)(node, node)
        if sorted(map(repr, expected)) != sorted(map(repr, found)):
            return f"{code}: {parameter.expression} is {found}, and not {expected}"
    return ""


@pytest.mark.requirement("HC-01")
@pytest.mark.parametrize("file", ["examples", "conformance"])
def test_examples_index(file: str, corpus: Path, ledger: Callable[[str, float], Any]) -> None:
    extractor = Extractor(definitions(), Identities(b"of tests" * 4), ())
    suite = ledger(f"{file}-index", 1.0)
    with gzip.open(corpus / "fhir-examples-r4" / f"{file}.ndjson.gz") as lines:
        for line in lines:
            node = decode(line)
            reason = wrong(extractor, node)
            if reason:
                suite.failed(f"{node['resourceType']}/{node.get('id')}", reason)
            else:
                suite.passed()
    suite.close()
