"""The examples of the R4 specification: every clinical one is accepted, and comes back with the same content."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kuska.fhir.domain.validation import validate
from kuska.kit.json import decode, encode


@pytest.mark.requirement("HC-01")
@pytest.mark.parametrize(("name", "target"), [("examples", 0.98), ("conformance", 0.98)])
def test_examples_are_accepted(corpus: Path, ledger: Callable[[str, float], Any], name: str, target: float) -> None:
    results = ledger(f"{name}-validate", target)
    for case, line in _lines(corpus, name):
        errors = [issue for issue in validate(decode(line)) if issue.severity in ("error", "fatal")]
        if errors:
            results.failed(case, f"{errors[0].message} at {errors[0].expression} {dict(errors[0].params)}")
        else:
            results.passed()
    results.close()


@pytest.mark.requirement("HC-01")
@pytest.mark.parametrize("name", ["examples", "conformance"])
def test_examples_come_back_the_same(corpus: Path, name: str) -> None:
    """Property order, decimals with all their digits, every character."""
    for case, line in _lines(corpus, name):
        again = encode(decode(line))
        assert _exact(again) == _exact(line), case


def _exact(raw: bytes) -> Any:
    """The tree with numbers as they were written and members in their order."""
    return json.loads(raw, parse_float=_number, parse_int=str, object_pairs_hook=list)


def _number(text: str) -> str:
    mantissa, e, exponent = text.lower().partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa  # 1E+2 is 1e2 written otherwise


def _lines(corpus: Path, name: str) -> Iterator[tuple[str, bytes]]:
    with gzip.open(corpus / "fhir-examples-r4" / f"{name}.ndjson.gz") as lines:
        for line in lines:
            head = json.loads(line)
            yield f"{head['resourceType']}/{head.get('id')}", line.strip()
