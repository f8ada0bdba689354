"""Rules on plain JSON: `compile_check` gives one call per rule, fast where the shape of the rule is a usual one.

Invariants: the fast path and the engine agree on every R4 rule (tests hold them together); a rule that cannot be
evaluated on a node (an error, an empty result) does not hold. One that would cost too much is neither kept nor broken:
EvaluationLimitError, after so many steps and whatever the clock says.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from kuska.fhir.domain.fhirpath.allowance import by_steps
from kuska.fhir.domain.fhirpath.compiler import Dialect
from kuska.fhir.domain.fhirpath.errors import EvaluationError, EvaluationLimitError
from kuska.fhir.domain.fhirpath.expression import compile as compile_expression
from kuska.fhir.domain.fhirpath.fast.compiler import fast_check
from kuska.fhir.domain.fhirpath.fast.source import NotCovered
from kuska.fhir.domain.fhirpath.parser import parse
from kuska.fhir.domain.fhirpath.schema import is_primitive
from kuska.fhir.domain.fhirpath.values import TypedNode, system
from kuska.kit.json import Node

# A part without a fast form was reached, or the JSON is not what the definitions say.
_UNUSUAL = (NotCovered, AttributeError, TypeError, KeyError, EvaluationError)
Check = Callable[[Any, Node, Node], bool]


@lru_cache(maxsize=4096)
def compile_check(expression: str, context_type: str) -> Check:
    """`check(node, resource, root)`: does the rule hold for this element of that type, inside that resource?"""
    slow = by_engine(expression, context_type)
    try:
        truth = fast_check(parse(expression), context_type)
    except NotCovered:
        return slow
    plain = str if is_primitive(context_type) else dict

    def check(node: Any, resource: Node, root: Node) -> bool:
        if node.__class__ is plain:
            try:
                return truth(node, (node, resource, root))
            except _UNUSUAL:
                pass
        return slow(node, resource, root)

    return check


def by_engine(expression: str, context_type: str) -> Check:
    """The rule as the general engine evaluates it."""
    compiled = compile_expression(expression, type_=context_type, dialect=Dialect.R4_DEFINITIONS)

    def check(node: Any, resource: Node, root: Node) -> bool:
        try:
            with by_steps():
                found = compiled.items(TypedNode(node, context_type), resource=resource, root=root)
        except EvaluationLimitError:
            raise
        except EvaluationError:
            return False
        return bool(found) and (len(found) > 1 or system(found[0]) is not False)

    return check
