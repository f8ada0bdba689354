"""Rules of the standard: what they refuse, and that those written by hand say the same as their FHIRPath."""

from __future__ import annotations

import gzip
import itertools
import random
from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.fhir.domain.validation.samples import OBSERVATION, PATIENT, found, observation, patient

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.definitions.model import Constraint
from kuska.fhir.domain.fhirpath import allowance
from kuska.fhir.domain.fhirpath.check import by_engine
from kuska.fhir.domain.validation import validate
from kuska.fhir.domain.validation.contained import all_referenced
from kuska.fhir.domain.validation.context import Context
from kuska.fhir.domain.validation.natives import NATIVE
from kuska.fhir.domain.validation.policy import DEFAULT_POLICY
from kuska.kit.json import decode
from kuska.kit.messages import render

pytestmark = pytest.mark.requirement("HC-01")


@pytest.mark.parametrize(
    ("node", "rule"),
    [
        (observation(dataAbsentReason={"text": "x"}), "rule.obs-6"),
        (observation(component=[{"code": OBSERVATION["code"], "valueString": "x"}]), "rule.obs-7"),
        (observation(referenceRange=[{"appliesTo": [{"text": "x"}]}]), "rule.obs-3"),
        (observation(valueQuantity={"value": 1, "code": "g"}), "rule.qty-3"),
        (patient(contact=[{"gender": "male"}]), "rule.pat-1"),
        (patient(telecom=[{"value": "1"}]), "rule.cpt-2"),
        (patient(photo=[{"data": "AAAA"}]), "rule.att-1"),
        (patient(extension=[{"url": "http://k.example/e", "valueCode": "x", "extension": [{"url": "y", "valueCode": "z"}]}]), "rule.ext-1"),
        (patient(name=[{"text": "x", "period": {"start": "2021", "end": "2020"}}]), "rule.per-1"),
        (patient(name=[{"text": "x", "period": {"start": "2020-01-01T10:00:00-05:00", "end": "2020-01-01T14:59:59Z"}}]), "rule.per-1"),
        ({"resourceType": "Organization", "active": True}, "rule.org-1"),
        ({"resourceType": "Organization", "name": "x", "address": [{"use": "home", "city": "y"}]}, "rule.org-2"),
        ({"resourceType": "Bundle", "type": "collection", "total": 1}, "rule.bdl-1"),
        ({"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": patient()}]}, "rule.bdl-3"),
        ({"resourceType": "Bundle", "type": "document", "entry": [{"resource": patient()}]}, "rule.bdl-11"),
        ({"resourceType": "Parameters", "parameter": [{"name": "x"}]}, "rule.inv-1"),
        ({"resourceType": "Questionnaire", "status": "draft", "item": [{"linkId": "1", "type": "string"}] * 2}, "rule.que-2"),
        ({"resourceType": "Condition", "subject": {"display": "x"}, "abatementString": "ayer"}, "rule.con-4"),
    ],
)  # fmt: skip
def test_rules(node: dict[str, Any], rule: str) -> None:
    assert rule in [key for key, _ in found(node)]


def test_a_rule_says_where() -> None:
    node = patient(name=[{"text": "a"}, {"text": "b", "period": {"start": "2021", "end": "2020"}}])
    assert found(node) == [("rule.per-1", "Patient.name[1].period")]


def test_warnings_of_the_standard_are_warnings_and_best_practice_is_left_out() -> None:
    node = {"resourceType": "Library", "status": "draft", "type": {"text": "x"}, "name": "con espacios"}
    assert found(node) == [("invariant", "Library")]
    assert found({**node, "name": "Bien"}) == []  # no dom-6 (a narrative is only good practice)
    del node["name"]
    assert found(node) == []


def test_every_constraint_of_the_standard_compiles() -> None:
    constraints = list(_constraints())
    assert len({c.key for c, _ in constraints}) > 230
    for constraint, type_ in constraints:
        by_engine(constraint.expression, type_)


def _constraints() -> Iterator[tuple[Constraint, str]]:
    for structure in definitions().structures.values():
        yield from ((constraint, structure.name) for constraint in structure.constraints)
        for element in structure.elements.values():
            yield from ((constraint, element.type) for constraint in element.constraints)


def _nodes(top: dict[str, Any]) -> Iterator[tuple[Any, str, dict[str, Any], dict[str, Any]]]:
    """(object, its type, its resource, the root) of everything in a resource."""
    structures = definitions().structures
    waiting: list[tuple[Any, str, dict[str, Any], dict[str, Any]]] = [(top, top["resourceType"], top, top)]
    while waiting:
        node, type_, resource, root = waiting.pop()
        yield node, type_, resource, root
        for name, value in node.items():
            element = structures[type_].elements.get(name)
            for one in value if isinstance(value, list) else [value]:
                if element is None or not isinstance(one, dict):
                    continue
                if element.type == "Resource":
                    waiting.append((one, one["resourceType"], one, root if name == "contained" else one))
                else:
                    waiting.append((one, element.type, resource, root))


def _native_agrees(top: dict[str, Any], checks: dict[str, dict[str, Any]]) -> int:
    compared = 0
    for node, type_, resource, root in _nodes(top):
        for key, check in checks.get(type_, {}).items():
            if key == "rng-2" and not _comparable(node.get("low"), node.get("high")):
                continue  # on purpose milder
            context = Context(resource, "", root, DEFAULT_POLICY, [])
            if key == "dom-3":
                by_hand = "contained" not in node or all_referenced(node, resource, definitions())
            else:
                by_hand = NATIVE[key](node, context)
            assert by_hand is check(node, resource, root), (key, node)
            compared += 1
    return compared


def _comparable(low: Any, high: Any) -> bool:
    if not isinstance(low, dict) or not isinstance(high, dict):
        return True
    same_unit = all(low.get(name) == high.get(name) for name in ("system", "code", "unit"))
    return same_unit and "value" in low and "value" in high


def _checks() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for constraint, type_ in _constraints():
        if constraint.key in NATIVE or constraint.key == "dom-3":
            found.setdefault(type_, {})[constraint.key] = by_engine(constraint.expression, type_)
    return found


def _mutated(node: Any, chance: random.Random) -> Any:
    """A copy with members dropped and values exchanged here and there; still a tree of objects of the same types."""
    if isinstance(node, dict):
        kept = {k: v for k, v in node.items() if k == "resourceType" or chance.random() > 0.15}
        return {k: _mutated(v, chance) for k, v in kept.items()}
    if isinstance(node, list):
        return [_mutated(one, chance) for one in node]
    if isinstance(node, str) and len(node) >= 10 and node[4:5] == "-" and chance.random() < 0.5:
        return chance.choice(["2020", "2020-06", "2020-06-15", "2020-06-15T10:00:00Z", "2020-06-15T10:00:00-05:00"])
    if isinstance(node, Decimal) and chance.random() < 0.5:
        return Decimal(chance.randrange(100))
    return node


def test_rules_written_by_hand_agree_with_their_fhirpath() -> None:
    checks = _checks()
    chance = random.Random(4)
    samples = [PATIENT, OBSERVATION, *_SAMPLES]
    compared = sum(_native_agrees(node, checks) for node in samples)
    compared += sum(_native_agrees(_mutated(node, chance), checks) for node in samples for _ in range(60))
    assert compared > 5000


_SAMPLES: list[dict[str, Any]] = [
    observation(component=[{"code": OBSERVATION["code"], "valueString": "x"}], valueRange=None) | {"valueRange": {}},
    observation(
        valueQuantity=None,
        valueRange={"low": {"value": 3, "unit": "x"}, "high": {"value": 2, "unit": "x"}},
    ),
    {
        "resourceType": "MedicationDispense",
        "status": "completed",
        "medicationCodeableConcept": {"text": "x"},
        "whenPrepared": "2020-06-15T10:00:00Z",
        "whenHandedOver": "2020-06-15T11:00:00Z",
    },
    {
        "resourceType": "MedicationRequest",
        "contained": [{"resourceType": "Medication", "id": "m", "meta": {"versionId": "1"}}],
        "medicationReference": {"reference": "#m"},
        "dosageInstruction": [
            {"timing": {"repeat": {"period": 1, "periodUnit": "d", "periodMax": 2, "duration": 1, "durationUnit": "h"}}}
        ],
    },
    {"resourceType": "Organization", "identifier": [{"value": "1"}], "name": "x"},
    {"resourceType": "Appointment", "participant": [{"type": [{"text": "x"}], "actor": {"display": "y"}}]},
    {"resourceType": "ServiceRequest", "code": {"text": "x"}, "orderDetail": [{"text": "y"}]},
    {"resourceType": "Condition", "stage": [{"summary": {"text": "x"}}], "evidence": [{"code": [{"text": "y"}]}]},
    *(
        {
            "resourceType": "Questionnaire",
            "contained": [{"resourceType": "Questionnaire", "id": "c", "item": [{"linkId": contained}]}],
            "item": [{"linkId": "a", "item": [{"linkId": inner, "_linkId": {"id": "x"}}]}, {"linkId": "d"}],
        }
        for contained, inner in (("c", "b"), ("c", "a"), ("a", "b"))
    ),
    *(
        {
            "resourceType": "CodeSystem",
            "contained": [{"resourceType": "CodeSystem", "id": "c", "concept": [{"code": contained}]}],
            "concept": [{"code": "a", "concept": [{"code": inner, "concept": [{"code": "e"}]}]}, {"code": "d"}],
        }
        for contained, inner in (("c", "b"), ("c", "a"), ("d", "b"))
    ),
]


_SLOW = {  # sdf-23 has no fast form
    "resourceType": "StructureDefinition",
    "url": "http://kuska.example/StructureDefinition/x",
    "name": "X",
    "status": "draft",
    "kind": "logical",
    "abstract": False,
    "type": "http://kuska.example/StructureDefinition/x",
    "differential": {"element": [{"id": "x", "path": "x", "definition": "d", "min": 0, "max": "1"}]},
}


def _about(node: dict[str, Any], rule: str) -> list[tuple[str, str, str]]:
    return [(i.severity, i.code, i.expression) for i in validate(node) if rule in (i.params.get("rule"), i.message)]


def test_the_clock_has_no_say_in_what_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine so busy that a quarter of an hour goes by between two looks at the clock."""
    seconds = itertools.count(0.0, 1000.0)
    monkeypatch.setattr(allowance, "monotonic", lambda: next(seconds))
    assert _about(_SLOW, "sdf-23") == []
    broken = deepcopy(_SLOW)
    broken["differential"]["element"].append({"id": "y", "path": "y", "sliceName": "z", "min": 0, "max": "1"})
    assert _about(broken, "sdf-23") == [("error", "invariant", "StructureDefinition")]


def test_a_rule_that_costs_too_much_is_not_a_broken_one(monkeypatch: pytest.MonkeyPatch) -> None:
    long = deepcopy(_SLOW)
    long["differential"]["element"] *= 50
    assert _about(long, "sdf-23") == []
    monkeypatch.setattr(allowance, "MAX_STEPS", 10)
    assert _about(long, "sdf-23") == [("error", "too-costly", "StructureDefinition")]
    [issue] = [issue for issue in validate(long) if issue.params.get("rule") == "sdf-23"]
    assert "sdf-23" in render(issue, "en")
    assert issue.message == "validation.rule-too-costly"


def test_a_questionnaire_may_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether linkIds and codes are unique is found in one walk, without the engine and its limits."""
    monkeypatch.setattr(allowance, "MAX_STEPS", 10)
    item = [{"linkId": str(place), "text": "x", "type": "string"} for place in range(1000)]
    node: dict[str, Any] = {"resourceType": "Questionnaire", "status": "active", "item": item}
    assert validate(node) == []
    item.append(item[0])
    assert [(i.message, i.code) for i in validate(node)] == [("validation.rule.que-2", "invariant")]
    concept = [{"code": str(place)} for place in range(1000)]
    codes = {"resourceType": "CodeSystem", "status": "active", "content": "complete", "concept": concept}
    assert validate(codes) == []


def test_they_agree_on_the_examples_of_the_standard(pytestconfig: pytest.Config) -> None:
    given = pytestconfig.getoption("--corpus", default=None)
    folder = Path(given) if given else Path(__file__).parents[5] / "shared" / "corpora"
    file = folder / "fhir-examples-r4" / "examples.ndjson.gz"
    if not file.exists():
        pytest.skip(f"there are no examples at {file}; the rules were compared on our own samples only")
    checks = _checks()
    with gzip.open(file) as lines:
        nodes = [decode(line) for number, line in enumerate(lines) if number % 2 == 0]
    assert sum(_native_agrees(node, checks) for node in nodes) > 4000
