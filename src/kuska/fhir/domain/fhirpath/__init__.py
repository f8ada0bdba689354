"""FHIRPath for R4: `compile(expression).evaluate(resource)`, and `compile_check` for rules on plain JSON.

Words: a *collection* is what every expression gives, a list of *items*; an item is a `TypedNode` (an element of a
resource, with its type and place) or a *System value* (a plain Python value, a `Temporal`, a `Quantity`).
"""

from kuska.fhir.domain.fhirpath.check import Check, compile_check
from kuska.fhir.domain.fhirpath.compiler import Dialect
from kuska.fhir.domain.fhirpath.errors import (
    EvaluationError,
    EvaluationLimitError,
    ExpressionSyntaxError,
    ExpressionTypeError,
    FhirPathError,
)
from kuska.fhir.domain.fhirpath.expression import Expression, compile  # noqa: A004
from kuska.fhir.domain.fhirpath.values import TypedNode

__all__ = [
    "Check",
    "Dialect",
    "EvaluationError",
    "EvaluationLimitError",
    "Expression",
    "ExpressionSyntaxError",
    "ExpressionTypeError",
    "FhirPathError",
    "TypedNode",
    "compile",
    "compile_check",
]
