"""The fast path gives what the engine gives: all rules of R4 on instances that keep and break them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from tests.fhir.domain.fhirpath.instances import Maker

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.fhirpath import compile_check
from kuska.fhir.domain.fhirpath.check import by_engine
from kuska.fhir.domain.fhirpath.fast.compiler import fast_check
from kuska.fhir.domain.fhirpath.fast.source import NotCovered
from kuska.fhir.domain.fhirpath.parser import parse

pytestmark = pytest.mark.requirement("HC-01")
_INSTANCES = 12
_TEXT = re.compile(r"'([^']*)'")


def _rules() -> Iterator[tuple[str, str]]:
    """Every rule with the first two types that it is on (dom-3 is on 144)."""
    seen: dict[str, int] = {}
    for structure in definitions().structures.values():
        on_elements = [(c, element.type) for element in structure.elements.values() for c in element.constraints]
        for constraint, type_ in [*((c, structure.name) for c in structure.constraints), *on_elements]:
            seen[constraint.expression] = seen.get(constraint.expression, 0) + 1
            if seen[constraint.expression] <= 2:
                yield constraint.expression, type_


def test_fast_path_and_engine_agree() -> None:
    outcomes: dict[bool, int] = {True: 0, False: 0}
    for expression, type_ in _rules():
        check, engine = compile_check(expression, type_), by_engine(expression, type_)
        names = frozenset(re.findall(r"[a-zA-Z]+", expression))
        for seed in range(_INSTANCES):
            maker = Maker(seed, _TEXT.findall(expression))
            node = maker.node(type_, paths=names)
            around = maker.node(type_.partition(".")[0], paths=names)
            resource = around if isinstance(around, dict) and "resourceType" in around else {"resourceType": "Basic"}
            holds = check(node, resource, resource)
            assert holds is engine(node, resource, resource), (expression, type_, node, resource)
            outcomes[holds] += 1
    # Instances that never break a rule, or never keep one, would prove nothing.
    assert min(outcomes.values()) > 500, outcomes


def test_most_rules_have_a_fast_form() -> None:
    slow: set[str] = set()
    for expression, type_ in _rules():
        try:
            fast_check(parse(expression), type_)
        except NotCovered:
            slow.add(expression)
    assert len(slow) <= 6, slow


def test_what_does_not_fit_the_definitions_is_never_an_exception() -> None:
    check = compile_check("code.coding.where(system = 'a' and code = 'b').exists() or status = 'x'", "Observation")
    for node in (
        {},
        {"code": "text"},
        {"code": [1]},
        {"code": {"coding": {"code": 1}}},
        {"code": None},
        "text",
        None,
        3,
        [],
    ):
        assert check(node, {"resourceType": "Observation"}, {"resourceType": "Observation"}) is False


def test_an_empty_result_or_an_error_is_no_proof() -> None:
    resource = {"resourceType": "Patient", "birthDate": "2020"}
    assert compile_check("birthDate = @2020-05", "Patient")(resource, resource, resource) is False
    assert compile_check("birthDate.single() > 'x'", "Patient")(resource, resource, resource) is False
    assert compile_check("birthDate", "Patient")(resource, resource, resource) is True


def test_rules_about_the_resource_around() -> None:
    check = compile_check("request.exists() = (%resource.type = 'batch')", "Bundle.entry")
    batch, collection = {"resourceType": "Bundle", "type": "batch"}, {"resourceType": "Bundle", "type": "collection"}
    assert check({"request": {}}, batch, batch) is True
    assert check({"request": {}}, collection, collection) is False
    assert check({}, collection, collection) is True


def test_usual_rules_cost_microseconds() -> None:
    """A gross bound: it fails when the fast path is lost (the engine takes ten times as long), not when a machine is busy."""
    resource = {"resourceType": "Observation", "status": "final", "valueString": "x", "code": {"text": "y"}}
    check = compile_check("dataAbsentReason.empty() or value.empty()", "Observation")
    best = min(_seconds(lambda: check(resource, resource, resource)) for _ in range(20))
    assert best < 5e-6


def _seconds(call: object) -> float:
    assert callable(call)
    start = time.thread_time()
    for _ in range(200):
        call()
    return (time.thread_time() - start) / 200


def _spoilt(value: Any, random: Random) -> Any:
    """The same tree with a wrong kind of JSON here and there."""
    if random.random() < 0.15:
        return random.choice([None, 1, "x", True, [], {}, [None], ["x", 1], {"x": 1}, Decimal("1.5"), [[{}]]])
    if isinstance(value, dict):
        return {name: _spoilt(inner, random) for name, inner in value.items()}
    return [_spoilt(inner, random) for inner in value] if isinstance(value, list) else value


def test_no_rule_fails_on_json_of_the_wrong_kind() -> None:
    for expression, type_ in _rules():
        check, engine = compile_check(expression, type_), by_engine(expression, type_)
        names = frozenset(re.findall(r"[a-zA-Z]+", expression))
        for seed in range(4):
            node = _spoilt(Maker(seed, _TEXT.findall(expression)).node(type_, paths=names), Random(seed))
            resource = {"resourceType": type_.partition(".")[0]}
            assert check(node, resource, resource) in {True, False}
            assert engine(node, resource, resource) in {True, False}
