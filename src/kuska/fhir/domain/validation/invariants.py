"""The constraints of the standard, each as one call on a value.

Most are FHIRPath, compiled when first needed. The hottest and those that FHIRPath cannot say (htmlChecks) are written
by hand in natives.py; a test holds that both ways agree. `ele-1` is part of every check (compiler.py), narratives have
their own rule (txt-1, txt-2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kuska.fhir.domain.definitions.model import Constraint, Definitions, Element, Structure
from kuska.fhir.domain.fhirpath import EvaluationLimitError, compile_check
from kuska.fhir.domain.validation.contained import all_referenced
from kuska.fhir.domain.validation.context import Context
from kuska.fhir.domain.validation.natives import NATIVE, Test
from kuska.kit.json import Node
from kuska.kit.messages import DEFAULT_LANGUAGE, catalogue

# (value, its place, context)
Invariant = Callable[[Any, str, Context], None]

# Part of every check (ele-1), or of the rule for narratives.
_ELSEWHERE = {"ele-1", "txt-1", "txt-2"}


def structure_invariants(structure: Structure, definitions: Definitions) -> tuple[Invariant, ...]:
    return tuple(
        _invariant(constraint, structure.name, definitions)
        for constraint in structure.constraints
        if constraint.key not in _ELSEWHERE and not constraint.best_practice
    )


def element_invariants(element: Element, definitions: Definitions) -> tuple[Invariant, ...]:
    return tuple(
        _invariant(constraint, element.type, definitions)
        for constraint in element.constraints
        if constraint.key not in _ELSEWHERE and not constraint.best_practice
    )


def _invariant(constraint: Constraint, type_: str, definitions: Definitions) -> Invariant:
    test = _dom_3(definitions) if constraint.key == "dom-3" else NATIVE.get(constraint.key)
    if test is None:
        return _by_fhirpath(constraint, type_)

    def invariant(value: Any, at: str, context: Context) -> None:
        if not test(value, context):
            _report(constraint, at, context)

    return invariant


def _by_fhirpath(constraint: Constraint, type_: str) -> Invariant:
    passes: Callable[[Any, Node, Node], bool] | None = None

    about_name = constraint.key.endswith("-0") and constraint.expression.startswith("name.matches(")

    def invariant(value: Any, at: str, context: Context) -> None:
        nonlocal passes
        if about_name and "name" not in value:
            return
        if passes is None:
            passes = compile_check(constraint.expression, type_)
        try:
            holds = passes(value, context.resource, context.root)
        except EvaluationLimitError:
            context.report(_severity(constraint), at, "too-costly", "rule-too-costly", _named(constraint))
            return
        if not holds:
            _report(constraint, at, context)

    return invariant


def _severity(constraint: Constraint) -> str:
    return "warning" if constraint.severity == "warning" else "error"


def _named(constraint: Constraint) -> dict[str, object]:
    return {"rule": constraint.key, "human": constraint.human.rstrip(".")}


def _report(constraint: Constraint, at: str, context: Context) -> None:
    own = f"rule.{constraint.key}"
    message = own if f"validation.{own}" in catalogue(DEFAULT_LANGUAGE) else "invariant"
    context.report(_severity(constraint), at, "invariant", message, _named(constraint))


def _dom_3(definitions: Definitions) -> Test:
    def test(node: Node, context: Context) -> bool:
        return "contained" not in node or all_referenced(node, context.resource, definitions)

    return test
