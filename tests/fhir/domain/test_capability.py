"""The CapabilityStatement says what is there, and is a valid resource itself."""

from __future__ import annotations

import pytest
from tests.fhir.unguarded import parser_of, sight_of

from kuska.fhir.domain.call import parse
from kuska.fhir.domain.capability import Server, offered, statement
from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.openapi import document
from kuska.fhir.domain.outcome import refused
from kuska.fhir.domain.search.request import SearchRequest
from kuska.fhir.domain.validation import validate
from kuska.fhir.usecases.table import INTERACTIONS, OPERATIONS

SAMPLES = {
    "date": "2020",
    "number": "1",
    "quantity": "1",
    "reference": "x1",
    "string": "x",
    "token": "x",
    "uri": "http://x",
}
SERVER = Server("1.0", "2026-11-21T00:00:00Z", "http://localhost/fhir")


@pytest.mark.requirement("HC-01")
def test_is_valid_and_has_all_types() -> None:
    found = statement(definitions(), SERVER)
    issues = validate(found)
    assert not refused(issues), issues
    assert [one["type"] for one in found["rest"][0]["resource"]] == list(definitions().resource_types)


def test_declares_only_interactions_that_have_a_use_case() -> None:
    rest = statement(definitions(), SERVER)["rest"][0]
    for one in rest["resource"]:
        assert {item["code"] for item in one["interaction"]} <= set(INTERACTIONS)
        for operation in one["operation"]:
            keys = {(operation["name"], "type"), (operation["name"], "instance"), (operation["name"], one["type"])}
            assert keys & set(OPERATIONS)


def test_parameters_that_nobody_answers_are_not_declared() -> None:
    names = {parameter.code for parameter in offered(definitions(), "Location")}
    assert {"name", "address", "_id", "_lastUpdated"} <= names
    assert not {"near", "_filter", "_text", "_content", "_query"} & names


def test_declared_parameters_and_includes_are_understood_by_the_search() -> None:
    """As the parser takes them; the routes' tests ask the database as well."""
    known = definitions()
    identities = Identities(b"key")
    parser = parser_of(identities)
    for one in statement(known, SERVER)["rest"][0]["resource"]:
        asked = [(item["name"], SAMPLES[item["type"]]) for item in one["searchParam"] if item["type"] in SAMPLES]
        asked += [("_include", value) for value in one["searchInclude"]]
        asked += [("_revinclude", value) for value in one.get("searchRevInclude", ())]
        parser.parse(SearchRequest(type=one["type"], parameters=tuple(asked)), sight_of(identities))


def test_what_is_declared_beside_the_definitions() -> None:
    rest = statement(definitions(), SERVER)["rest"][0]
    for one in [rest, *rest["resource"]]:
        assert "_list" in {item["name"] for item in one["searchParam"]}


def test_canonicals_are_declared_where_something_has_the_url() -> None:
    resources = {one["type"]: one for one in statement(definitions(), SERVER)["rest"][0]["resource"]}
    assert resources["QuestionnaireResponse"]["searchInclude"] == [
        "*",
        *(f"QuestionnaireResponse:{code}" for code in ("author", "based-on", "encounter", "part-of")),
        *(f"QuestionnaireResponse:{code}" for code in ("patient", "questionnaire", "source", "subject")),
    ]
    assert "MedicationRequest:medication" in resources["MedicationRequest"]["searchInclude"]
    assert "Task:patient" in resources["Patient"]["searchRevInclude"]
    assert "ActivityDefinition:composed-of" not in resources["Patient"]["searchRevInclude"]
    assert "ActivityDefinition:composed-of" in resources["Library"]["searchRevInclude"]
    assert "QuestionnaireResponse:questionnaire" in resources["Questionnaire"]["searchRevInclude"]
    assert "MeasureReport:measure" in resources["MeasureReport"]["searchInclude"]
    assert not [value for value in resources["Bundle"]["searchInclude"] if value != "*"]


def test_openapi_paths_are_paths_of_the_api() -> None:
    for path, item in document(definitions(), SERVER)["paths"].items():
        for method in item:
            parse(
                method.upper(),
                path.lstrip("/").replace("{id}", "1").replace("{version}", "1"),
                definitions().type_numbers,
            )
