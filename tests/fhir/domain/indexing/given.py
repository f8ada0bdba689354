"""Short ways to write what tests of index rows need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.indexing.keys import exact_hash

Rows = Callable[[dict[str, Any]], dict[str, dict[str, list[tuple[Any, ...]]]]]
LOINC, DNI = "http://loinc.org", "urn:oid:2.16.840.1.113883.4.604"
PATIENT = definitions().type_numbers["Patient"]


def coding(system: str, code: str) -> dict[str, str]:
    return {"system": system, "code": code}


def whole(text: str, folded: str, sort: str | None = None) -> tuple[str, int, str | None]:
    """The row of a whole value, without its parameter."""
    return folded, exact_hash(text), sort


def word(text: str) -> tuple[str, None, None]:
    """The row of a later word."""
    return text, None, None
