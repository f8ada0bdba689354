"""URLs become interactions."""

from __future__ import annotations

import pytest

from kuska.fhir.domain.call import MethodNotAllowedError, parse
from kuska.fhir.domain.definitions.load import definitions
from kuska.kit.errors import IncorrectError, NotFoundError

TYPES = definitions().type_numbers


@pytest.mark.parametrize(
    ("method", "path", "interaction", "parts"),
    [
        ("GET", "Patient/1", "read", {"type": "Patient", "id": "1"}),
        ("HEAD", "Patient/1", "read", {"type": "Patient", "id": "1"}),
        ("PUT", "Patient/1/", "update", {"type": "Patient", "id": "1"}),
        ("PATCH", "Patient/1", "patch", {"id": "1"}),
        ("DELETE", "Patient/1", "delete", {"id": "1"}),
        ("GET", "Patient/1/_history/2", "vread", {"id": "1", "version": "2"}),
        ("GET", "Patient/1/_history", "history-instance", {"id": "1"}),
        ("GET", "Patient/_history", "history-type", {"type": "Patient", "id": ""}),
        ("GET", "_history", "history-system", {"type": ""}),
        ("POST", "Patient", "create", {"type": "Patient"}),
        ("PUT", "Patient", "conditional-update", {"type": "Patient"}),
        ("PATCH", "Patient", "conditional-patch", {}),
        ("DELETE", "Patient", "conditional-delete", {}),
        ("GET", "Patient", "search-type", {}),
        ("POST", "Patient/_search", "search-type", {"type": "Patient"}),
        ("GET", "", "search-system", {}),
        ("POST", "_search", "search-system", {}),
        (
            "GET",
            "Patient/1/Observation",
            "search-compartment",
            {"compartment": "Patient", "type": "Observation", "id": "1"},
        ),
        ("GET", "Patient/1/*", "search-compartment", {"type": "*"}),
        ("POST", "Patient/1/Observation/_search", "search-compartment", {"type": "Observation"}),
        ("POST", "", "bundle", {}),
        ("GET", "metadata", "capabilities", {}),
        ("GET", "Patient/1/$everything", "operation", {"operation": "everything", "id": "1"}),
        ("POST", "Patient/$validate", "operation", {"operation": "validate", "type": "Patient", "id": ""}),
        ("POST", "$x", "operation", {"operation": "x", "type": ""}),
    ],
)
def test_calls(method: str, path: str, interaction: str, parts: dict[str, str]) -> None:
    call = parse(method, path, TYPES)
    assert call.interaction == interaction
    assert {name: getattr(call, name) for name in parts} == parts


@pytest.mark.parametrize(
    "path", ["Nonsense", "Nonsense/1", "patient", "metadata/1", "Patient/1/2", "Patient/1/_history/2/3", "a//b"]
)
def test_unknown_paths(path: str) -> None:
    with pytest.raises(NotFoundError):
        parse("GET", path, TYPES)


def test_wrong_methods_and_ids() -> None:
    with pytest.raises(MethodNotAllowedError) as caught:
        parse("POST", "Patient/1", TYPES)
    assert caught.value.allowed == "GET, HEAD, PUT, PATCH, DELETE"
    with pytest.raises(IncorrectError):
        parse("GET", "Patient/a_b", TYPES)
