"""_summary and _elements: parts that are marked as such."""

from __future__ import annotations

from typing import Any

import pytest

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.subsetting import WHOLE, Subset, shown, subset_of
from kuska.kit.errors import IncorrectError

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "1",
    "meta": {"versionId": "1", "tag": [{"code": "x"}]},
    "text": {"status": "generated", "div": "<div/>"},
    "modifierExtension": [{"url": "u", "valueBoolean": True}],
    "status": "final",
    "_status": {"id": "s"},
    "code": {"text": "c"},
    "valueQuantity": {"value": 1},
    "note": [{"text": "n"}],
    "component": [{"code": {"text": "c"}, "valueString": "v", "interpretation": [{"text": "i"}]}],
}


def keys(wanted: Subset, node: dict[str, Any] = OBSERVATION) -> set[str]:
    part = shown(node, definitions(), wanted)
    assert [tag["code"] for tag in part["meta"]["tag"]] == ["x", "SUBSETTED"]
    assert "tag" in node["meta"]
    assert len(node["meta"]["tag"]) == 1, "the original is not touched"
    return set(part) - {"resourceType", "id", "meta"}


def test_elements_with_what_must_be_there() -> None:
    always = {"status", "_status", "code", "modifierExtension"}
    assert keys(Subset(elements=("note",))) == always | {"note"}
    assert keys(Subset(elements=("value",))) == always | {"valueQuantity"}
    assert keys(Subset(elements=("Observation.note", "Patient.name"))) == always | {"note"}


def test_elements_of_other_types_only_show_all() -> None:
    assert shown(OBSERVATION, definitions(), Subset(elements=("Patient.name",))) is OBSERVATION


def test_summaries() -> None:
    assert keys(Subset("text")) == {"text", "status", "_status", "code"}
    assert keys(Subset("data")) == set(OBSERVATION) - {"resourceType", "id", "meta", "text"}
    summary = keys(Subset("true"))
    assert {"status", "code", "valueQuantity", "component"} <= summary
    assert not {"note", "text"} & summary
    component = shown(OBSERVATION, definitions(), Subset("true"))["component"][0]
    assert set(component) == {"code", "valueString"}


def test_whole() -> None:
    assert subset_of([("name", "x")]) is WHOLE
    assert shown(OBSERVATION, definitions(), WHOLE) is OBSERVATION
    assert subset_of([("_elements", "a, b"), ("_summary", "false")]) == Subset("false", ("a", "b"))


def test_unknown_summary() -> None:
    with pytest.raises(IncorrectError):
        subset_of([("_summary", "yes")])
