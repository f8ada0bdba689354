"""FHIRPath Patch: https://hl7.org/fhir/R4/fhirpatch.html

The resource given is never changed; a failing operation leaves nothing half done. Names are placed by the definitions:
lists grow, a single element that is there already is not added again, a choice takes the name of the value's type, and
an element that becomes empty goes, with the elements around it that become empty too.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, cast

from kuska.fhir.domain import fhirpath
from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.definitions.model import Structure
from kuska.fhir.domain.fhirpath import TypedNode
from kuska.fhir.domain.fhirpath.allowance import spending
from kuska.fhir.domain.patch.errors import PatchError
from kuska.fhir.domain.patch.parts import Operation, Value, member, operations, put_in_list, put_single
from kuska.kit.json import Node

MAX_OPERATIONS = 100


def apply_fhirpath_patch(node: Node, parameters: Node) -> Node:
    """Raises EvaluationLimitError when its paths together take longer than a patch may: they are the sender's."""
    asked = operations(parameters)
    if len(asked) > MAX_OPERATIONS:
        raise PatchError("too-many-operations", MAX_OPERATIONS, limit=MAX_OPERATIONS)
    definitions()  # the first to ask for them waits long; that is not the sender's doing
    with spending():
        return _applied(deepcopy(node), asked)


def _applied(document: Node, asked: Sequence[Operation]) -> Node:
    for operation in asked:
        match operation.type:
            case "add":
                _add(document, operation)
            case "insert":
                _insert(document, operation)
            case "delete":
                _delete(document, operation)
            case "replace":
                document = _replace(document, operation)
            case "move":
                _move(document, operation)
            case _:
                raise PatchError("unknown-fhirpath-operation", operation.place)
    return document


def _add(document: Node, operation: Operation) -> None:
    parent = _one(document, operation, operation.path)
    structure, name = _structure(parent, operation), operation.text("name")
    value = operation.value(_anonymous(structure, name))
    element = member(structure, name, value.type)
    if element is None:
        raise PatchError("no-such-member", operation.place, name=name, type=structure.name)
    container = _members(parent)
    if element.is_list:
        put_in_list(container, element.name, len(container.get(element.name, [])), value)
        return
    if element.name in container or any(
        other.name in container
        for other in structure.elements.values()
        if element.choice and other.choice == element.choice
    ):
        raise PatchError("already-there", operation.place, name=name)
    put_single(container, element.name, value)


def _insert(document: Node, operation: Operation) -> None:
    container, name, anonymous = _list(document, operation)
    index = operation.number("index")
    if index > len(container.get(name, [])):
        raise PatchError("no-such-index", operation.place, index=index)
    put_in_list(container, name, index, operation.value(anonymous))


def _delete(document: Node, operation: Operation) -> None:
    places = _places(document, operation, operation.path)
    if len(places) > 1:
        raise PatchError("several", operation.place, path=operation.path)
    for place in places:
        if place.parent is None:
            raise PatchError("whole-resource", operation.place)
        _remove(place)


def _replace(document: Node, operation: Operation) -> Node:
    place = _one(document, operation, operation.path)
    value = operation.value(definitions().structures.get(place.type))
    if place.parent is None:
        if not isinstance(value.json, dict):
            raise PatchError("not-a-resource", operation.place)
        return cast("Node", value.json)
    container = _members(place.parent)
    if place.index is not None:
        cast("list[Any]", container[_key(place)]).pop(place.index)
        beside = cast("list[Any] | None", container.get("_" + _key(place)))
        if beside is not None and place.index < len(beside):
            beside.pop(place.index)
        put_in_list(container, _key(place), place.index, value)
        return document
    _put_instead(container, _key(place), _renamed(place.parent, place, value, operation), value)
    return document


def _renamed(parent: TypedNode, place: TypedNode, value: Value, operation: Operation) -> str:
    """A choice takes the name of its new type."""
    structure = _structure(parent, operation)
    element = structure.elements.get(_key(place))
    if element is None or element.choice is None or value.type is None:
        return _key(place)
    renamed = member(structure, element.choice, value.type)
    if renamed is None:
        raise PatchError("no-such-member", operation.place, name=element.choice, type=structure.name)
    return renamed.name


def _put_instead(container: Node, old: str, new: str, value: Value) -> None:
    """At the place of the old member, so that the order of the document stays."""
    members = list(container.items())
    container.clear()
    for name, content in members:
        if name.removeprefix("_") == old:
            if new not in container and "_" + new not in container:
                put_single(container, new, value)
        else:
            container[name] = content


def _move(document: Node, operation: Operation) -> None:
    container, name, _ = _list(document, operation)
    items = cast("list[Any]", container.get(name, []))
    source, destination = operation.number("source"), operation.number("destination")
    for index in (source, destination):
        if index >= len(items):
            raise PatchError("no-such-index", operation.place, index=index)
    items.insert(destination, items.pop(source))
    beside = cast("list[Any] | None", container.get("_" + name))
    if beside is not None:
        beside.extend([None] * (len(items) - len(beside)))
        beside.insert(destination, beside.pop(source))


def _remove(place: TypedNode) -> None:
    parent = place.parent
    if parent is None:
        return
    container = parent.fields
    for name in (_key(place), "_" + _key(place)):
        if name not in container:
            continue
        if place.index is not None:
            items = cast("list[Any]", container[name])
            if place.index < len(items):
                items.pop(place.index)
            if any(item is not None for item in items):
                continue
        del container[name]
    if not container:
        _vanish(parent)


def _vanish(place: TypedNode) -> None:
    """An element without members is no element; a primitive keeps its value."""
    if place.raw is None or isinstance(place.raw, dict) or place.parent is None:
        _remove(place)
        return
    container, beside = place.parent.fields, "_" + _key(place)
    if place.index is not None:
        container[beside][place.index] = None
        if any(item is not None for item in container[beside]):
            return
    del container[beside]


def _members(place: TypedNode) -> Node:
    """The object that holds the members: the element itself, or what stands beside a primitive (made when missing)."""
    if isinstance(place.raw, dict) or isinstance(place.extra, dict) or place.parent is None:
        return place.fields
    container, beside, made = _members(place.parent), "_" + _key(place), cast("Node", {})
    if place.index is None:
        container[beside] = made
    else:
        items = cast("list[Any]", container.setdefault(beside, []))
        items.extend([None] * (len(container[_key(place)]) - len(items)))
        items[place.index] = made
    return made


def _key(place: TypedNode) -> str:
    """The member of its parent that it is in; only the resource itself has none."""
    return place.key or ""


def _list(document: Node, operation: Operation) -> tuple[Node, str, Structure | None]:
    """The list that a path names, by the element that holds it: also when it has no members yet."""
    above, _, name = operation.path.rpartition(".")
    parent = _one(document, operation, above)
    structure = _structure(parent, operation)
    element = structure.elements.get(name)
    if element is None or not element.is_list:
        raise PatchError("not-a-list-element", operation.place, path=operation.path)
    return _members(parent), name, definitions().structures.get(element.type)


def _anonymous(structure: Structure, name: str) -> Structure | None:
    element = structure.elements.get(name)
    return None if element is None else definitions().structures.get(element.type)


def _structure(place: TypedNode, operation: Operation) -> Structure:
    structure = definitions().structures.get(place.type)
    if structure is None or (structure.kind != "primitive" and not isinstance(place.raw, dict)):
        raise PatchError("no-members", operation.place, path=operation.path)
    return structure


def _one(document: Node, operation: Operation, path: str) -> TypedNode:
    places = _places(document, operation, path)
    if not places:
        raise PatchError("nothing-there", operation.place, path=path)
    if len(places) > 1:
        raise PatchError("several", operation.place, path=path)
    return places[0]


def _places(document: Node, operation: Operation, path: str) -> list[TypedNode]:
    if not path:
        raise PatchError("part-missing", operation.place, name="path")
    found = fhirpath.compile(path, type_=str(document.get("resourceType"))).items(document)
    nodes = [item for item in found if isinstance(item, TypedNode)]
    if len(nodes) != len(found):
        raise PatchError("not-an-element", operation.place, path=path)
    return nodes
