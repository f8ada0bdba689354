"""What can go wrong with an expression: it is no FHIRPath, it does not fit the types, or it fails on the data.

Parameters of the messages are names, types and places in the expression, never values of the data.
"""

from __future__ import annotations

from kuska.kit.errors import IncorrectError, Issue


class FhirPathError(IncorrectError):
    """Any problem with an expression; `kind` is the phase that finds it."""

    kind = "execution"

    def __init__(self, key: str, **params: object) -> None:
        super().__init__(Issue(code="invalid", message=f"fhirpath.{key}", params=params))


class ExpressionSyntaxError(FhirPathError):
    kind = "syntax"


class ExpressionTypeError(FhirPathError):
    """Found without data: an element that the type does not have, an argument that can never fit."""

    kind = "semantic"


class EvaluationError(FhirPathError):
    kind = "execution"


class EvaluationLimitError(EvaluationError):
    """The expression costs more than one evaluation may: too many steps, too long a text, too slow a pattern."""
