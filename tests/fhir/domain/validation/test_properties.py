"""Whatever is broken in a valid resource is noticed at its place; what is only unusual is not."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fhir.domain.validation.samples import OBSERVATION, PATIENT, errors

from kuska.fhir.domain.validation import validate
from kuska.kit.json import decode, encode

# The same cases on every run, however loaded the machine is.
_repeatable = settings(derandomize=True, deadline=None)

pytestmark = pytest.mark.requirement("HC-01")

_Path = tuple[str | int, ...]


def _paths(value: Any, path: _Path = ()) -> list[_Path]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [found for key, child in children for found in _paths(child, (*path, key))]
    return ([path] if path else []) + below


def _get(node: Any, path: _Path) -> Any:
    for key in path:
        node = node[key]
    return node


def _set(node: Any, path: _Path, value: Any) -> None:
    _get(node, path[:-1])[path[-1]] = value


_samples = st.sampled_from([PATIENT, OBSERVATION])


@st.composite
def _placed(draw: st.DrawFn) -> tuple[dict[str, Any], _Path]:
    sample = draw(_samples)
    return deepcopy(sample), draw(st.sampled_from(_paths(sample)))


@_repeatable
@given(_placed())
def test_a_value_of_another_json_kind_is_an_error(placed: tuple[dict[str, Any], _Path]) -> None:
    node, path = placed
    old = _get(node, path)
    for new in ([], {}, None, "", True, 7):
        if new.__class__ is old.__class__ and new not in ("", [], {}):
            continue
        if new is None and isinstance(path[-1], int) and path[-2] == "_given":
            continue
        if new == 7 and path[-1] == "value" and "valueQuantity" in (*path, "low") and "identifier" not in path:
            continue  # a whole decimal
        _set(node, path, new)
        assert errors(node), (path, new)
        _set(node, path, old)
    assert not errors(node)


@_repeatable
@given(_placed(), st.text(st.characters(codec="ascii", categories=["L"]), min_size=12, max_size=14))
def test_an_unknown_element_anywhere_is_an_error(placed: tuple[dict[str, Any], _Path], name: str) -> None:
    node, path = placed
    target = _get(node, path)
    if isinstance(target, dict):
        target[name] = "x"
        assert any(i.message.startswith("validation.unknown-element") for i in errors(node))


@_repeatable
@given(_placed())
def test_blank_text_anywhere_is_an_error(placed: tuple[dict[str, Any], _Path]) -> None:
    node, path = placed
    if isinstance(_get(node, path), str):
        _set(node, path, " ")
        assert errors(node), path


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "extension", "url", "value", "coding", "reference", "div", "x"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@_repeatable
@given(_placed(), _json)
def test_no_value_makes_validation_fail(placed: tuple[dict[str, Any], _Path], value: Any) -> None:
    """Only issues, never an exception, and the node is left as it was."""
    node, path = placed
    _set(node, path, value)
    before = deepcopy(node)
    for issue in validate(node):
        assert issue.expression.split(".")[0].split("[")[0] in ("", node["resourceType"], str(node["resourceType"]))
    assert node == before


@_repeatable
@given(st.sampled_from([PATIENT, OBSERVATION]))
def test_valid_resources_survive_the_wire(sample: dict[str, Any]) -> None:
    assert not errors(decode(encode(sample)))
