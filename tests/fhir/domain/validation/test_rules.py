"""Contained resources, extensions, attachments, bundles, definitions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fhir.domain.validation.samples import errors, found, patient

from kuska.fhir.domain.validation import Policy

pytestmark = pytest.mark.requirement("HC-01")


def rules(node: dict[str, Any]) -> list[str]:
    return [str(issue.params.get("rule")) for issue in errors(node)]


def inner(**changes: Any) -> dict[str, Any]:
    return {"resourceType": "Organization", "id": "org", "name": "Posta", **changes}


def test_contained_resources() -> None:
    assert rules(patient(contained=[inner(meta={"versionId": "1"})])) == ["dom-4"]
    assert rules(patient(contained=[inner(meta={"security": [{"code": "R"}]})])) == ["dom-5"]
    assert "dom-2" in rules(patient(contained=[inner(contained=[inner(id="b")])]))
    assert rules(patient(contained=[inner(), inner(id="lost")])) == ["dom-3"]
    back = {"resourceType": "Provenance", "id": "v", "recorded": "2024-01-01T00:00:00Z", "target": [{"reference": "#"}],
            "agent": [{"who": {"display": "x"}}]}  # fmt: skip
    assert rules(patient(contained=[inner(), back])) == []


def test_extensions_that_hl7_defines() -> None:
    birth_time = {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "2020-01-01"}
    assert found(patient(_birthDate={"extension": [birth_time]})) == []
    assert found(patient(extension=[birth_time])) == [("extension-not-here", "Patient.extension[0]")]
    other = {"url": birth_time["url"], "valueString": "x"}
    assert found(patient(_birthDate={"extension": [other]})) == [
        ("extension-other-type", "Patient.birthDate.extension[0]")
    ]
    family = {"url": "http://hl7.org/fhir/StructureDefinition/humanname-mothers-family", "valueString": "Quispe"}
    assert found(patient(name=[{"family": "x", "_family": {"extension": [family]}}])) == []
    assert found(patient(name=[{"family": "x", "extension": [family]}])) == [
        ("extension-not-here", "Patient.name[0].extension[0]")
    ]


def test_other_extensions_are_data_unless_a_policy_says_otherwise() -> None:
    node = patient(extension=[{"url": "http://ministerio.example/ext", "valueCode": "x"}])
    assert found(node) == []
    strict = Policy(known_extensions_only=True)
    assert found(node, policy=strict) == [("unknown-extension", "Patient.extension[0]")]
    open_ = Policy(known_extensions_only=True, extension_domains=("http://ministerio.example/",))
    assert found(node, policy=open_) == []
    example = patient(extension=[{"url": "http://example.org/ext", "valueCode": "x"}])
    assert found(example, policy=strict) == []
    assert found(example, policy=Policy(example_urls=False)) == [("example-url", "Patient.extension[0].url")]


def test_html_in_markdown_is_refused_on_request() -> None:
    node = {"resourceType": "Library", "status": "draft", "type": {"text": "x"}, "description": "a <b>b</b> 1 < 2"}
    assert found(node) == []
    assert found(node, policy=Policy(html_in_markdown=False)) == [("html-in-markdown", "Library.description")]


def test_attachments_tell_their_size() -> None:
    photo = {"contentType": "image/png", "data": "AAAA", "size": 3}
    assert found(patient(photo=[photo])) == []
    assert found(patient(photo=[{**photo, "size": 4}])) == [("attachment-size", "Patient.photo[0]")]


def bundle(*entries: dict[str, Any], type_: str = "collection", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": type_, "entry": list(entries), **more}


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (bundle({"fullUrl": "http://a.example/Patient/p1", "resource": patient()}), []),
        (bundle({"fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "resource": patient()}), []),
        (
            bundle({"fullUrl": "Patient/p1", "resource": patient()}),
            [("full-url-not-absolute", "Bundle.entry[0].fullUrl")],
        ),
        (
            bundle({"fullUrl": "http://a.example/Patient/p2", "resource": patient()}),
            [("full-url-differs", "Bundle.entry[0].fullUrl")],
        ),
        (
            bundle(type_="searchset", link=[{"relation": "self", "url": "http://a.example"}] * 2),
            [("empty-array", "Bundle.entry"), ("link-repeated", "Bundle.link")],
        ),
        (
            bundle({"resource": patient(), "search": {"mode": "outcome"}}, type_="searchset"),
            [("search-outcome", "Bundle.entry[0].resource")],
        ),
    ],
)
def test_bundles(node: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert found(node) == expected


def test_references_inside_a_bundle_lead_to_the_right_type() -> None:
    url = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"
    condition = {"resourceType": "Condition", "subject": {"reference": url}}
    entries = [{"fullUrl": url, "resource": patient()}, {"resource": condition}]
    assert found(bundle(*entries)) == []
    entries[0]["resource"] = {"resourceType": "Organization", "id": "o", "name": "x"}
    assert found(bundle(*entries)) == [("wrong-target", "Bundle.entry[1].resource.subject")]


def test_profiles_speak_of_elements_that_exist() -> None:
    def profile(path: str) -> list[str]:
        node = {
            "resourceType": "StructureDefinition", "url": "http://a.example/p", "name": "P", "status": "draft",
            "kind": "resource", "abstract": False, "type": "Observation", "derivation": "constraint",
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
            "differential": {"element": [{"id": "Observation", "path": "Observation"}, {"id": "x", "path": path}]},
        }  # fmt: skip
        return [key for key, _ in found(node)]

    for good in ("Observation.value[x]", "Observation.valueQuantity", "Observation.code.coding.system",
                 "Observation.component.value[x].unit", "Observation.extension.value[x]"):  # fmt: skip
        assert "no-such-path" not in profile(good), good
    for bad in ("Observation.valueBla", "Observation.kode", "Patient.name", "Observation.code.value"):
        assert "no-such-path" in profile(bad), bad
