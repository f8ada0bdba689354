"""What the specification says and the shared cases do not try: primitives, choices, malformed patches."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.fhir.domain.patch import apply_fhirpath_patch
from kuska.fhir.domain.patch.errors import PatchError
from kuska.kit.errors import IncorrectError

pytestmark = pytest.mark.requirement("HC-01")

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "u", "valueString": "x"}]},
    "name": [{"given": ["A", "B"], "_given": [None, {"id": "b"}]}],
    "deceasedBoolean": False,
}


def patch(type_: str, path: str, **parts: Any) -> dict[str, Any]:
    whole = {"type": {"valueCode": type_}, "path": {"valueString": path}} | parts
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "operation", "part": [{"name": name, **part} for name, part in whole.items()]}],
    }


def patched(parameters: Any) -> dict[str, Any]:
    before = deepcopy(PATIENT)
    try:
        return apply_fhirpath_patch(PATIENT, parameters)
    finally:
        assert before == PATIENT


def test_the_last_extension_of_a_primitive_goes_and_the_value_stays() -> None:
    assert patched(patch("delete", "Patient.birthDate.extension[0]")) == {
        name: value for name, value in PATIENT.items() if name != "_birthDate"
    }


def test_a_primitive_without_extensions_gets_one() -> None:
    url, value = {"name": "url", "valueUri": "z"}, {"name": "value", "valueString": "q"}
    found = patched(
        patch("add", "Patient.name[0].given[0]", name={"valueString": "extension"}, value={"part": [url, value]})
    )
    assert found["name"][0]["_given"] == [{"extension": [{"url": "z", "valueString": "q"}]}, {"id": "b"}]


def test_what_stands_beside_a_primitive_goes_with_it() -> None:
    assert patched(patch("delete", "Patient.name[0].given[1]"))["name"] == [{"given": ["A"]}]
    assert "_birthDate" not in patched(patch("delete", "Patient.birthDate"))
    assert "_birthDate" not in patched(patch("replace", "Patient.birthDate", value={"valueDate": "2000"}))


def test_a_choice_is_replaced_by_another_type_of_it() -> None:
    found = patched(patch("replace", "Patient.deceased", value={"valueDateTime": "2020"}))
    assert found["deceasedDateTime"] == "2020"
    assert "deceasedBoolean" not in found


def test_an_element_that_becomes_empty_goes() -> None:
    twice = patch("delete", "Patient.name[0].given[0]")
    twice["parameter"] *= 2
    assert "name" not in patched(twice)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"resourceType": "Parameters", "parameter": "x"},
        {"resourceType": "Parameters", "parameter": ["x"]},
        {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": "x"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": ["x"]}]},
        {"resourceType": "Parameters", "parameter": [{"name": "operation"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "other"}]},
        patch("fly", "Patient.name"),
        patch("delete", "Patient"),
        patch("delete", "Patient.name.given"),
        patch("delete", "Patient.name.count()"),
        patch("add", "Patient", name={"valueString": "contact"}, value={"part": ["x"]}),
        patch("add", "Patient", name={"valueString": "contact"}, value={"part": "x"}),
        patch("add", "Patient", name={"valueString": "birthDate"}, value={"valueDate": "2000"}),
        patch("add", "Patient", name={"valueString": "deceased"}, value={"valueDateTime": "2000"}),
        patch("add", "Patient", name={"valueString": "nothing"}, value={"valueDate": "2000"}),
        patch("insert", "Patient.name", index={"valueInteger": 2}, value={"valueHumanName": {}}),
        patch("move", "Patient.name", source={"valueInteger": 0}, destination={"valueInteger": 1}),
        patch("insert", "Patient.birthDate", index={"valueInteger": 0}, value={"valueDate": "2000"}),
        patch("replace", "Patient.link", value={"valueString": "x"}),
    ],
)
def test_what_cannot_be_applied_is_refused(parameters: Any) -> None:
    with pytest.raises(PatchError):
        patched(parameters)


@pytest.mark.parametrize("path", ["Patient.nothing", "Patient.(", "Patient.name.where(1 < 'a')", "Observation.code"])
def test_paths_that_are_wrong_are_refused(path: str) -> None:
    with pytest.raises(IncorrectError):
        patched(patch("delete", path))


_json = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 5),
        st.sampled_from(["operation", "type", "path", "Patient.name", "add"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["name", "part", "valueString", "valueCode", "value", "resource"]), inner, max_size=4
        ),
    ),
    max_leaves=20,
)


@given(_json)
def test_any_parameters_are_applied_or_refused(parameter: Any) -> None:
    try:
        patched({"resourceType": "Parameters", "parameter": parameter})
    except IncorrectError:
        return
