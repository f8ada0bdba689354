"""What the RFC says and the shared cases do not try."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.fhir.domain.patch import apply_json_patch
from kuska.fhir.domain.patch.errors import PatchError

pytestmark = pytest.mark.requirement("HC-01")


def op(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": name, "path": path} | more


def test_escapes_in_pointers() -> None:
    assert apply_json_patch({"a/b": {"m~n": 1}}, [op("replace", "/a~1b/m~0n", value=2)]) == {"a/b": {"m~n": 2}}


def test_numbers_are_compared_by_value_and_true_is_not_one() -> None:
    node = {"a": Decimal("1.00"), "b": True}
    assert apply_json_patch(node, [op("test", "/a", value=1)]) == node
    with pytest.raises(PatchError):
        apply_json_patch(node, [op("test", "/b", value=1)])


@pytest.mark.parametrize(
    "operation",
    [
        op("add", "/list/3", value=1),
        op("add", "/list/01", value=1),
        op("add", "/list/-1", value=1),
        op("remove", "/list/-"),
        op("replace", "/none", value=1),
        op("copy", "/x", **{"from": "/none"}),
        op("move", "/deep/inner/x", **{"from": "/deep"}),
        op("add", "no-slash", value=1),
        op("add", "/x"),
        op("add", "/text/x", value=1),
        op("replace", "", value=[1]),
        op("fly", "/x"),
        {"path": "/x", "value": 1},
        "add",
    ],
)
def test_what_cannot_be_applied_is_refused_and_changes_nothing(operation: Any) -> None:
    node = {"list": [1, 2], "deep": {"inner": {}}, "text": "t"}
    before = deepcopy(node)
    with pytest.raises(PatchError) as caught:
        apply_json_patch(node, [op("add", "/first", value=1), operation])
    assert caught.value.issues[0].params["place"] == 2
    assert node == before


def test_the_result_shares_nothing_with_the_patch() -> None:
    value = {"x": [1]}
    result = apply_json_patch({}, [op("add", "/a", value=value), op("copy", "/b", **{"from": "/a"})])
    result["a"]["x"].append(2)
    assert (value, result["b"]) == ({"x": [1]}, {"x": [1]})


@given(st.dictionaries(st.text(max_size=3), st.integers()), st.text(max_size=3), st.integers())
def test_add_then_remove_is_nothing(node: dict[str, Any], name: str, value: int) -> None:
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    added = apply_json_patch(node, [op("add", pointer, value=value)])
    assert added[name] == value
    without = {key: content for key, content in node.items() if key != name}
    assert apply_json_patch(added, [op("remove", pointer)]) == without


def test_copies_cannot_fill_the_memory() -> None:
    doubling = [op("copy", "/list/-", **{"from": "/list"})] * 60
    with pytest.raises(PatchError) as caught:
        apply_json_patch({"list": [1]}, doubling)
    assert caught.value.issues[0].message == "patch.too-large"


def test_a_place_with_an_endless_number_is_no_place() -> None:
    with pytest.raises(PatchError):
        apply_json_patch({"list": [1]}, [op("add", "/list/" + "9" * 5000, value=1)])
