"""HL7's FHIRPath suite for R4: the same values of the same types, or a refusal in the same phase.

Dates in the suite carry an `@`; outputs without a type are compared by their text. A test with `predicate` asks for
the result as a yes or no. A test marked invalid passes only when it fails in the phase that is named.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from tests.conformance import xml_reader

from kuska.fhir.domain.fhirpath import FhirPathError, TypedNode, compile  # noqa: A004
from kuska.fhir.domain.fhirpath.quantity import Quantity
from kuska.fhir.domain.fhirpath.temporal import Temporal
from kuska.fhir.domain.fhirpath.values import Item, type_of
from kuska.kit.json import Node, decode

# The suite writes System types like FHIR's primitives.
_TYPES = {"String": "string", "Boolean": "boolean", "Integer": "integer", "Decimal": "decimal", "Date": "date"} | {
    "DateTime": "dateTime",
    "Time": "time",
}


@pytest.mark.requirement("LW-20")
def test_fhirpath(corpus: Path, ledger: Callable[[str, float], Any]) -> None:
    folder = corpus / "fhirpath-r4"
    results = ledger("fhirpath", 0.97)
    seen: dict[str, int] = {}
    for test in ET.parse(folder / "tests-fhir-r4.xml").iter("test"):  # noqa: S314 - the corpus is trusted
        name = test.attrib["name"]
        seen[name] = seen.get(name, 0) + 1
        problem = _problem(test, folder)
        if problem is None:
            results.passed()
        else:
            results.failed(name if seen[name] == 1 else f"{name} ({seen[name]})", problem)
    results.close()


def _problem(test: ET.Element, folder: Path) -> str | None:
    expression = test.find("expression")
    assert expression is not None
    invalid = expression.get("invalid")
    try:
        found = _evaluated(test, expression.text or "", folder)
    except FhirPathError as error:
        if invalid is None:
            return f"refused ({error.kind}): {error}"
        return None if error.kind == invalid else f"refused as {error.kind}, not as {invalid}"
    if invalid is not None:
        return f"gives {_shown(found)} instead of an error ({invalid})"
    expected = [(output.get("type"), output.text or "") for output in test.findall("output")]
    return _difference(found, expected, ordered=test.get("ordered") != "false")


def _evaluated(test: ET.Element, text: str, folder: Path) -> list[Item]:
    name = test.get("inputfile")
    node = None if not name else _input(folder / "inputs" / name)
    expression = compile(
        text,
        type_=None if node is None else node["resourceType"],
        refuse_unordered=test.get("checkOrderedFunctions") == "true",
    )
    found = expression.items(node)
    if test.get("predicate") == "true":
        return [bool(found) and (len(found) > 1 or found[0] is not False)]
    return found


@cache
def _input(path: Path) -> Node:
    if path.suffix == ".json":
        return decode(path.read_bytes())
    return xml_reader.resource(ET.parse(path).getroot())  # noqa: S314


def _difference(found: list[Item], expected: list[tuple[str | None, str]], *, ordered: bool) -> str | None:
    if len(found) != len(expected):
        return f"gives {len(found)} values instead of {len(expected)}: {_shown(found)}"
    if not ordered:
        found = sorted(found, key=_text)
        expected = sorted(expected, key=lambda output: output[1])
    for item, (type_, text) in zip(found, expected, strict=True):
        own = _type(item)
        if type_ is not None and own != type_:
            return f"gives a {own} instead of a {type_}"
        if not _same(item, text, type_):
            return f"gives {_text(item)!r} instead of {text!r}"
    return None


def _type(item: Item) -> str:
    name = type_of(item).name
    return name if isinstance(item, TypedNode) else _TYPES.get(name, name)


def _same(item: Item, text: str, type_: str | None) -> bool:
    value = item.raw if isinstance(item, TypedNode) else item
    if type_ == "decimal":
        return isinstance(value, int | Decimal) and value == Decimal(text)
    return _text(item) == text


def _text(item: Item) -> str:
    value = item.raw if isinstance(item, TypedNode) else item
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case Temporal():
            return value.literal
        case Quantity() | int():
            return str(value)
        case str():
            dated = isinstance(item, TypedNode) and item.type in {"date", "dateTime", "instant", "time"}
            return f"@{value}" if dated else value
        case _:
            return json.dumps(value, default=str)


def _shown(found: list[Item]) -> str:
    return ", ".join(f"{_type(item)} {_text(item)[:60]}" for item in found) or "nothing"
