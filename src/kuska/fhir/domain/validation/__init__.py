"""Validation of resources against the R4 base definitions: `validate(node) -> list[Issue]`.

For everybody who accepts a resource. Words: a *check* is the compiled form of one structure or element; a *place* is
the FHIRPath of an element in the resource being looked at; a *policy* is what a caller asks beyond the standard.
"""

from kuska.fhir.domain.validation.policy import DEFAULT_POLICY, Policy
from kuska.fhir.domain.validation.run import validate

__all__ = ["DEFAULT_POLICY", "Policy", "validate"]
