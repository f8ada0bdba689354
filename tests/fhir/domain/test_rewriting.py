"""Spots where a transaction's references stand, and what becomes of them."""

from __future__ import annotations

import pytest

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.rewriting import Spotter, base_of, conditional, fill, place_of, reset

A, B = "urn:uuid:00000000-0000-0000-0000-00000000000a", "urn:oid:1.2.3"


def spots_of(resource: dict[str, object], *names: str, base: str = "") -> list[tuple[str, str]]:
    spotter = Spotter(definitions(), set(names))
    return [(str(spot.key), spot.name) for spot in spotter.spots(resource, base)]


def test_contained_and_nested_references() -> None:
    resource: dict[str, object] = {
        "resourceType": "MedicationRequest",
        "contained": [{"resourceType": "Medication", "id": "m", "manufacturer": {"reference": A}}],
        "medicationReference": {"reference": "#m"},
        "subject": {"reference": B, "identifier": {"value": A}},
        "identifier": [{"assigner": {"reference": A}, "value": A}],
        "note": [{"text": A, "authorReference": {"reference": A}}],
    }
    assert spots_of(resource, A, B) == [("reference", name) for name in (A, B, A, A)]


def test_canonicals_ids_and_strings_stay() -> None:
    resource: dict[str, object] = {
        "resourceType": "Observation",
        "meta": {"profile": [A]},
        "implicitRules": A,
        "instantiatesCanonical": A,
        "valueString": A,
        "extension": [{"url": A, "valueCanonical": A}, {"url": "u", "valueUrl": A}, {"url": "u", "valueUuid": A}],
    }
    # uri, url and uuid are replaced; so is an extension's own url, were it one of the bundle's names.
    assert [name for name, _ in spots_of(resource, A)] == ["implicitRules", "url", "valueUrl", "valueUuid"]


def test_a_documents_own_entries_are_left_alone() -> None:
    document = {
        "resourceType": "Bundle",
        "type": "document",
        "entry": [{"fullUrl": A, "resource": {"x": {"reference": A}}}],
    }
    assert spots_of(document, A) == []


def test_relative_references_count_from_the_entry_they_stand_in() -> None:
    resource: dict[str, object] = {"resourceType": "Observation", "subject": {"reference": "Patient/1"}}
    names = ("https://a.example/fhir/Patient/1",)
    assert spots_of(resource, *names, base=base_of("https://a.example/fhir/Observation/9")) == [("reference", names[0])]
    assert spots_of(resource, *names, base=base_of("https://b.example/fhir/Observation/9")) == []
    assert base_of(A) == ""
    assert base_of("https://a.example/fhir/Observation/9/_history/3") == "https://a.example/fhir/"


def test_versions_and_fragments() -> None:
    resource: dict[str, object] = {
        "resourceType": "Observation",
        "focus": [{"reference": f"{A}#part"}, {"reference": f"{A}/_history/3"}],
    }
    spots = Spotter(definitions(), {A}).spots(resource, "")
    assert fill(spots, {A: "Patient/7"}) == []
    assert resource["focus"] == [{"reference": "Patient/7#part"}, {"reference": "Patient/7"}]


def test_a_repeated_attempt_starts_anew() -> None:
    before = f'<div xmlns="http://www.w3.org/1999/xhtml"><a class=\'x\' href=\'{A}\'>1</a><img src="{B}"/> <a href="{A}">2</a></div>'
    resource: dict[str, object] = {"resourceType": "Basic", "text": {"status": "generated", "div": before}}
    spots = Spotter(definitions(), {A, B}).spots(resource, "")
    for target in ("Patient/1", "Patient/2"):
        reset(spots)
        assert fill(spots, {A: target, B: "Media/1"}) == []
        div = resource["text"]["div"]  # type: ignore[index]
        assert div == before.replace(f"'{A}'", f'"{target}"').replace(A, target).replace(B, "Media/1")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Patient?identifier=a|b", ("Patient", "identifier=a|b")),
        ("Patient/1?x=y", None),
        ("http://x.example/Patient?x=y", None),
        ("Patient?", None),
    ],
)
def test_conditional_references(text: str, found: tuple[str, str] | None) -> None:
    assert conditional(text) == found


def test_unknown_targets_are_left_and_can_be_named() -> None:
    resource = {"resourceType": "Observation", "performer": [{"display": "x"}, {"reference": A}]}
    [spot] = fill(Spotter(definitions(), set()).spots(resource, ""), {})
    assert place_of(resource, spot.holder) == "Observation.performer[1].reference"
