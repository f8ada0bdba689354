"""The operations inside the Parameters of a FHIRPath Patch, and the values that their parts carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.definitions.model import Element, Structure
from kuska.fhir.domain.patch.errors import PatchError
from kuska.kit.json import Node


@dataclass(frozen=True, slots=True)
class Value:
    """What a `value` part holds: JSON, the JSON beside it (`_name`) for primitives, and its type where it says one."""

    json: Any
    beside: Node | None
    type: str | None  # 'CodeableConcept', 'string', ...; None for an anonymous element or a resource


@dataclass(frozen=True, slots=True)
class Operation:
    place: int
    parts: dict[str, Node]

    @property
    def type(self) -> str:
        return self.text("type")

    @property
    def path(self) -> str:
        return self.text("path")

    def text(self, name: str) -> str:
        found = _plain(self.parts.get(name, {}))
        if not isinstance(found, str):
            raise PatchError("part-missing", self.place, name=name)
        return found

    def number(self, name: str) -> int:
        found = _plain(self.parts.get(name, {}))
        if not isinstance(found, int) or isinstance(found, bool) or found < 0:
            raise PatchError("part-missing", self.place, name=name)
        return found

    def value(self, anonymous: Structure | None) -> Value:
        """`anonymous`: the structure that the value's own parts fill when it has no type of its own."""
        if "value" not in self.parts:
            raise PatchError("part-missing", self.place, name="value")
        return _value(self.parts["value"], anonymous, self.place)


def operations(parameters: Node) -> list[Operation]:
    if parameters.get("resourceType") != "Parameters":
        raise PatchError("not-parameters", -1)
    found: list[Operation] = []
    for place, parameter in enumerate(_objects(parameters, "parameter", -1)):
        if parameter.get("name") != "operation":
            raise PatchError("not-an-operation", place)
        parts = {str(part.get("name")): part for part in _objects(parameter, "part", place)}
        found.append(Operation(place, parts))
    return found


def _objects(node: Node, name: str, place: int) -> list[Node]:
    found: object = node.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in cast("list[object]", found)):
        raise PatchError("not-parameters", place)
    return cast("list[Node]", found)


def _plain(part: Node) -> Any:
    return next((value for name, value in part.items() if name.startswith("value")), None)


def _value(part: Node, anonymous: Structure | None, place: int) -> Value:
    if "resource" in part:
        return Value(part["resource"], None, None)
    if "part" in part:
        if anonymous is None:
            raise PatchError("value-has-parts", place)
        return Value(_filled(_objects(part, "part", place), anonymous, place), None, None)
    names = {name.removeprefix("_") for name in part if name.removeprefix("_").startswith("value")}
    if len(names) != 1:
        raise PatchError("part-missing", place, name="value")
    name = names.pop()
    element = definitions().structures["Parameters.parameter"].elements.get(name)
    if element is None:
        raise PatchError("part-missing", place, name="value")
    return Value(part.get(name), part.get("_" + name), element.type)


def _filled(parts: list[Node], structure: Structure, place: int) -> Node:
    """An element without a type of its own, member by member."""
    node: Node = {}
    for part in parts:
        name = str(part.get("name"))
        value = _value(part, _child(structure, name), place)
        element = member(structure, name, value.type)
        if element is None:
            raise PatchError("no-such-member", place, name=name, type=structure.name)
        if element.is_list:
            put_in_list(node, element.name, len(node.get(element.name, [])), value)
        else:
            put_single(node, element.name, value)
    return node


def _child(structure: Structure, name: str) -> Structure | None:
    element = structure.elements.get(name)
    return None if element is None else definitions().structures.get(element.type)


def member(structure: Structure, name: str, type_: str | None) -> Element | None:
    """The element called `name`; a choice (`value`) is the member of the value's type (`valueQuantity`)."""
    if name in structure.elements:
        return structure.elements[name]
    wanted = name.removesuffix("[x]")
    return next((e for e in structure.elements.values() if e.choice == wanted and e.type == type_), None)


def put_single(container: Node, name: str, value: Value) -> None:
    if value.json is not None:
        container[name] = value.json
    if value.beside is not None:
        container["_" + name] = value.beside


def put_in_list(container: Node, name: str, index: int, value: Value) -> None:
    items = cast("list[Any]", container.setdefault(name, []))
    beside = cast("list[Any] | None", container.get("_" + name))
    if value.beside is not None and beside is None:
        nothing: list[Any] = [None] * len(items)
        beside = container["_" + name] = nothing
    items.insert(index, value.json)
    if beside is not None:
        beside.extend([None] * (len(items) - 1 - len(beside)))
        beside.insert(index, value.beside)
