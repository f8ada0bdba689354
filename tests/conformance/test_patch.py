"""JSON Patch and FHIRPath Patch cases of the FHIR test suite. (Its XML Patch cases are not claimed: no XML yet.)"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from tests.conformance.conftest import Ledger
from tests.conformance.xml_reader import resource

from kuska.fhir.domain.patch import apply_fhirpath_patch, apply_json_patch
from kuska.kit.errors import KuskaError

pytestmark = pytest.mark.requirement("HC-01")


def test_json_patch(corpus: Path, ledger: Callable[[str, float], Ledger]) -> None:
    found = ledger("json-patch", 1.0)
    for number, case in enumerate(json.loads((corpus / "fhir-patch-r4" / "json-patch-tests.json").read_text("utf-8"))):
        name = f"{number + 1} {case.get('comment', '')}".strip()
        expected = case.get("expected")
        _judge(found, name, expected, lambda case=case: apply_json_patch(case["doc"], case["patch"]))
    found.close()


def test_fhirpath_patch(corpus: Path, ledger: Callable[[str, float], Ledger]) -> None:
    found = ledger("fhirpath-patch", 1.0)
    cases = ET.parse(corpus / "fhir-patch-r4" / "fhir-patch-tests.xml").getroot()  # noqa: S314 - test data, not a stranger's
    for case in cases.iter("case"):
        given, difference, output = (_inline(case, part) for part in ("input", "diff", "output"))
        assert given is not None
        assert difference is not None
        before = json.dumps(given, default=str)
        _judge(found, case.attrib["name"], output, lambda g=given, d=difference: apply_fhirpath_patch(g, d))
        assert json.dumps(given, default=str) == before, "the resource given was changed"
    found.close()


def _inline(case: ET.Element, part: str) -> dict[str, Any] | None:
    element = case.find(part)
    return None if element is None else resource(element[0])


def _judge(found: Ledger, name: str, expected: object, work: Callable[[], object]) -> None:
    """`expected` None: it must be refused."""
    try:
        result = work()
    except KuskaError as error:
        if expected is None:
            found.passed()
        else:
            found.failed(name, f"refused: {error}")
        return
    if expected is not None and result == expected:
        found.passed()
    else:
        found.failed(name, "another result" if expected is not None else "accepted")
