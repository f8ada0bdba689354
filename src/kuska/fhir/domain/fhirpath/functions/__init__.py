"""The functions of FHIRPath by theme. Those that take a type (`is`, `as`, `ofType`) and `sort` are the compiler's own."""

from __future__ import annotations

from kuska.fhir.domain.fhirpath.functions import (
    boundaries,
    collections,
    conversion,
    dates,
    existence,
    fhir,
    numbers,
    strings,
)
from kuska.fhir.domain.fhirpath.functions.registry import Function

FUNCTIONS: dict[str, Function] = {
    **existence.FUNCTIONS,
    **collections.FUNCTIONS,
    **conversion.FUNCTIONS,
    **strings.FUNCTIONS,
    **numbers.FUNCTIONS,
    **dates.FUNCTIONS,
    **boundaries.FUNCTIONS,
    **fhir.FUNCTIONS,
}
