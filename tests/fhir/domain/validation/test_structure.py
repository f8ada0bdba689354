"""Elements, types, cardinality, choices, primitive extensions: what is refused, where, and what is said."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fhir.domain.validation.samples import errors, found, observation, patient

from kuska.fhir.domain.validation import Policy, validate

pytestmark = pytest.mark.requirement("HC-01")


def test_the_samples_are_valid() -> None:
    assert found(patient()) == []
    assert found(observation()) == []


@pytest.mark.parametrize(
    ("changes", "key", "place"),
    [
        ({"nmae": []}, "unknown-element-did-you-mean", "Patient"),
        ({"zzz": 1}, "unknown-element", "Patient"),
        ({"_name": {}}, "unknown-element-did-you-mean", "Patient"),  # not a primitive
        ({"name": {"family": "x"}}, "array-expected", "Patient.name"),
        ({"name": []}, "empty-array", "Patient.name"),
        ({"name": None}, "array-expected", "Patient.name"),
        ({"name": ["x"]}, "wrong-json-type", "Patient.name[0]"),
        ({"name": [{}]}, "empty-object", "Patient.name[0]"),
        ({"name": [{"id": "only"}]}, "empty-object", "Patient.name[0]"),
        ({"name": [{"given": "Ana"}]}, "array-expected", "Patient.name[0].given"),
        ({"name": [{"given": ["Ana", 7]}]}, "wrong-json-type", "Patient.name[0].given[1]"),
        ({"name": [{"given": ["Ana", ""]}]}, "empty-string", "Patient.name[0].given[1]"),
        ({"name": [{"given": [None]}]}, "wrong-json-type", "Patient.name[0].given[0]"),
        ({"name": [{"family": ["x"]}]}, "array-not-allowed", "Patient.name[0].family"),
        ({"gender": ["male"]}, "array-not-allowed", "Patient.gender"),
        ({"maritalStatus": [{"text": "x"}]}, "array-not-allowed", "Patient.maritalStatus"),
        ({"maritalStatus": "M"}, "wrong-json-type", "Patient.maritalStatus"),
        ({"active": "true"}, "wrong-json-type", "Patient.active"),
        ({"active": None}, "wrong-json-type", "Patient.active"),
        ({"birthDate": 1970}, "wrong-json-type", "Patient.birthDate"),
        ({"deceasedBoolean": False, "deceasedDateTime": "2020"}, "several-choices", "Patient"),
        ({"deceasedString": "x"}, "choice-type-not-allowed", "Patient"),
        ({"multipleBirthInteger": 2.5}, "wrong-json-type", "Patient.multipleBirth.ofType(integer)"),
        ({"link": [{"type": "seealso"}]}, "missing-element", "Patient.link[0]"),
        ({"_gender": {"id": "1", "value": "x"}}, "unknown-element", "Patient.gender"),
        ({"_gender": []}, "wrong-json-type", "Patient.gender"),
        ({"_gender": {}}, "empty-object", "Patient.gender"),
        ({"extension": [{"url": "http://kuska.example/e"}]}, "rule.ext-1", "Patient.extension[0]"),
        ({"extension": [{"valueString": "x"}]}, "missing-element", "Patient.extension[0]"),
        ({"contained": [{"resourceType": "Patiente", "id": "org"}]}, "unknown-resource-type-did-you-mean", "Patient.contained[0]"),
        ({"contained": [{"id": "org"}]}, "no-resource-type", "Patient.contained[0]"),
        ({"meta": {"versionId": "a b"}}, "bad-id", "Patient.meta.versionId"),
        ({"id": "con acento á"}, "bad-id", "Patient.id"),
    ],
)  # fmt: skip
def test_wrong_structure(changes: dict[str, Any], key: str, place: str) -> None:
    assert (key, place) in found(patient(**changes))


@pytest.mark.parametrize(
    ("name", "key"),
    [("status", "missing-element"), ("code", "missing-element")],
)
def test_required_elements(name: str, key: str) -> None:
    node = observation()
    del node[name]
    (issue,) = errors(node)
    assert (issue.message, issue.code, issue.expression) == (f"validation.{key}", "required", "Observation")
    assert issue.params["name"] == name


def test_a_required_choice() -> None:
    node = {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"display": "x"}}
    assert found(node) == [("missing-choice", "MedicationRequest")]
    assert found({**node, "medicationCodeableConcept": {"text": "x"}}) == []


def test_an_extension_stands_for_a_missing_value_but_not_for_a_required_code() -> None:
    absent = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }
    node = {"resourceType": "Communication", "status": "completed", "payload": [{"_contentString": absent}]}
    assert found(node) == []
    code = observation(_status=absent)
    del code["status"]
    assert found(code) == [("code-needed", "Observation.status")]


def test_values_and_their_extensions_are_aligned() -> None:
    name = {"given": ["Ana", None], "_given": [None, {"extension": [{"url": "http://k.example/e", "valueCode": "x"}]}]}
    assert found(patient(name=[name])) == []
    assert ("arrays-not-aligned", "Patient.name[0].given") in found(patient(name=[{**name, "given": ["Ana"]}]))
    assert ("wrong-json-type", "Patient.name[0].given[0]") in found(patient(name=[{**name, "given": [None, None]}]))
    alone = {"_given": [{"id": "1"}, None]}
    assert ("null-without-value", "Patient.name[0].given[1]") in found(patient(name=[alone]))


def test_element_ids_are_unique_in_a_resource() -> None:
    node = patient(name=[{"id": "n", "text": "a"}, {"id": "n", "text": "b"}])
    assert found(node) == [("duplicate-element-id", "Patient.name[1].id")]


@pytest.mark.parametrize(
    ("node", "key"),
    [({}, "no-resource-type"), ({"resourceType": "Paciente"}, "unknown-resource-type-did-you-mean"), ({"resourceType": 7}, "unknown-resource-type"),
     ({"resourceType": "DomainResource"}, "unknown-resource-type"), ({"resourceType": "HumanName"}, "unknown-resource-type")],
)  # fmt: skip
def test_resource_types(node: dict[str, Any], key: str) -> None:
    assert [k for k, _ in found(node)] == [key]


def test_the_type_of_the_address() -> None:
    assert found(patient(), type_="Patient") == []
    assert found(patient(), type_="Observation") == [("other-type-expected", "Patient")]


def test_resources_inside_a_bundle_are_validated_with_their_place() -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": patient()}, {"resource": patient(name=[{"family": ""}])}],
    }
    assert found(bundle) == [("empty-string", "Bundle.entry[1].resource.name[0].family")]


def test_the_number_of_issues_is_bounded() -> None:
    node = patient(name=[{"family": ""}] * 500)
    issues = validate(node, policy=Policy(issue_limit=20))
    assert len(issues) == 21
    assert issues[-1].message == "validation.too-many-issues"


def test_unknown_names_do_not_stay_in_memory() -> None:
    for number in range(50):
        assert next(k for k, _ in found(patient(**{f"q{number}x": 1}))).startswith("unknown-element")
    # The same once more: the answer does not depend on what was asked before.
    assert found(patient(q1x=1)) == [("unknown-element", "Patient")]


def test_a_urn_in_a_uri_may_break_its_scheme() -> None:
    """R4's form of uri, url and canonical is \\S*; of an oid and a uuid it is the scheme's."""
    identifier = [{"system": "urn:oid:X.Y.Z", "value": "1"}, {"system": "urn:uuid:1", "value": "2"}]
    node = patient(identifier=identifier, meta={"profile": ["urn:oid:1.02"]})
    assert found(node) == [
        ("bad-oid", "Patient.meta.profile[0]"),
        ("bad-oid", "Patient.identifier[0].system"),
        ("bad-uuid", "Patient.identifier[1].system"),
    ]
    assert errors(node) == []
    for key, value in (("bad-oid", {"valueOid": "urn:oid:X"}), ("bad-uuid", {"valueUuid": "urn:uuid:1"})):
        [wrong] = errors(patient(extension=[{"url": "http://kuska.example/e", **value}]))
        assert wrong.message == f"validation.{key}"
