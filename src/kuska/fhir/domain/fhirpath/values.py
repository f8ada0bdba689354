"""What a collection holds: nodes of a FHIR tree with their types, and the values of FHIRPath's own System types.

System values are plain Python: bool, int, Decimal, str, Temporal, Quantity. A `TypedNode` is one element of a resource:
its JSON value, its type from the definitions, and where it is in its parent. Invariants: JSON is never changed, and
never trusted to fit the definitions: what does not fit has no children and no value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from kuska.fhir.domain.fhirpath import schema
from kuska.fhir.domain.fhirpath.quantity import UCUM, Quantity
from kuska.fhir.domain.fhirpath.temporal import Temporal, read_date, read_datetime, read_time
from kuska.kit.json import Node

_NO_STEPS: tuple[schema.Step, ...] = ()
_QUANTITIES = ("Quantity", "Age", "Count", "Distance", "Duration", "MoneyQuantity", "SimpleQuantity")


class TypedNode:
    """One element. `raw` is None for a primitive that has only extensions; those are in `extra` (its `_name`)."""

    __slots__ = ("extra", "index", "key", "parent", "raw", "type")

    def __init__(  # noqa: PLR0917 - made by the thousand: keyword arguments would be measured
        self,
        raw: Any,
        type_: str,
        extra: Any = None,
        parent: TypedNode | None = None,
        key: str = "",
        index: int | None = None,
    ) -> None:
        self.raw = raw
        self.type = type_
        self.extra = extra
        self.parent = parent
        self.key = key
        self.index = index

    @property
    def fields(self) -> Node:
        """Where the children are: the object itself, or what stands beside a primitive."""
        raw = self.raw
        if raw.__class__ is dict:
            return cast("Node", raw)
        return cast("Node", self.extra) if self.extra.__class__ is dict else {}

    @property
    def resource(self) -> TypedNode:
        """The nearest resource around this node, or the top of the tree."""
        node = self
        while node.parent is not None and not schema.is_resource(node.type):
            node = node.parent
        return node


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """What `type()` gives."""

    namespace: str
    name: str
    base: str | None = None


System = bool | int | Decimal | str | Temporal | Quantity | TypeInfo
Item = TypedNode | bool | int | Decimal | str | Temporal | Quantity | TypeInfo
Collection = list[Item]


def root_node(raw: Any, type_: str | None = None) -> TypedNode:
    """The top of a tree. Its type is its resourceType, or what the caller says."""
    if isinstance(raw, TypedNode):
        return raw
    return TypedNode(raw, _concrete(raw, type_ or "Element"))


def _concrete(raw: Any, declared: str) -> str:
    if raw.__class__ is dict:
        name: object = cast("Node", raw).get("resourceType")
        if isinstance(name, str) and schema.is_resource(name):
            return name
    return declared


def members(node: TypedNode, name: str) -> list[TypedNode]:
    """The children of that name, in document order."""
    found: list[TypedNode] = []
    fields = node.fields
    if fields:
        for step in schema.steps(node.type).get(name, _NO_STEPS):
            if step.key in fields or (step.primitive and step.sibling in fields):
                _take(node, fields, step, found)
    return found


def children(node: TypedNode) -> list[TypedNode]:
    """All children, in the order of the definition."""
    found: list[TypedNode] = []
    fields = node.fields
    if fields:
        for steps in schema.steps(node.type).values():
            for step in steps:
                if step.key in fields or (step.primitive and step.sibling in fields):
                    _take(node, fields, step, found)
    return found


def descendants(node: TypedNode) -> Iterator[TypedNode]:
    """Below the node, level by level."""
    level = children(node)
    while level:
        yield from level
        level = [child for one in level for child in children(one)]


def _take(node: TypedNode, fields: Node, step: schema.Step, found: list[TypedNode]) -> None:
    value = fields.get(step.key)
    if step.primitive:
        _take_primitives(node, value, fields.get(step.sibling), step, found)
    elif value.__class__ is list:
        for index, one in enumerate(cast("list[Any]", value)):
            if one is not None:
                type_ = _concrete(one, step.type) if step.abstract else step.type
                found.append(TypedNode(one, type_, None, node, step.key, index))
    elif value is not None:
        type_ = _concrete(value, step.type) if step.abstract else step.type
        found.append(TypedNode(value, type_, None, node, step.key))


def _take_primitives(node: TypedNode, value: Any, extra: Any, step: schema.Step, found: list[TypedNode]) -> None:
    if value.__class__ is list or extra.__class__ is list:
        values = cast("list[Any]", value) if value.__class__ is list else []
        extras = cast("list[Any]", extra) if extra.__class__ is list else []
        for index in range(max(len(values), len(extras))):
            one = values[index] if index < len(values) else None
            beside = extras[index] if index < len(extras) else None
            if one is not None or beside is not None:
                found.append(TypedNode(one, step.type, beside, node, step.key, index))
    elif value is not None or extra is not None:
        found.append(TypedNode(value, step.type, extra, node, step.key))


def system(item: Item) -> System | None:
    """The value of a primitive or a quantity as FHIRPath calculates with it; None where there is none."""
    if not isinstance(item, TypedNode):
        return item
    raw = item.raw
    if raw is None:
        return None
    if raw.__class__ is dict:
        return _quantity(cast("Node", raw)) if item.type in _QUANTITIES else None
    if raw.__class__ is list:
        return None
    return _primitive(raw, item.type)


def _primitive(raw: Any, type_: str) -> System | None:
    match type_:
        case "date":
            return read_date(raw) if isinstance(raw, str) else None
        case "dateTime" | "instant":
            return read_datetime(raw) if isinstance(raw, str) else None
        case "time":
            return read_time(raw) if isinstance(raw, str) else None
        case "decimal":
            return Decimal(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw
        case _:
            return raw


def _quantity(raw: Node) -> Quantity | None:
    value = raw.get("value")
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or raw.get("comparator") is not None:
        return None
    code, unit = raw.get("code"), raw.get("unit")
    if isinstance(code, str):
        system_ = raw.get("system")
        return Quantity(Decimal(value), code, system_ if isinstance(system_, str) else "")
    if isinstance(unit, str):
        return Quantity(Decimal(value), unit, "")
    return Quantity(Decimal(value), "1", UCUM)


def type_of(item: Item) -> TypeInfo:
    match item:
        case TypedNode():
            found = schema.structure(item.type)
            return TypeInfo("FHIR", item.type, None if found is None or found.base is None else f"FHIR.{found.base}")
        case bool():
            name = "Boolean"
        case int():
            name = "Integer"
        case str():
            name = "String"
        case Decimal():
            name = "Decimal"
        case Temporal():
            name = item.kind.value
        case TypeInfo():
            name = "SimpleTypeInfo"
        case _:
            name = type(item).__name__  # Quantity
    return TypeInfo("System", name, "System.Any")


def is_a(item: Item, type_: str) -> bool:
    """Is it of the type or of one that specialises it? `type_` as `schema.named_type` writes it."""
    if isinstance(item, TypedNode):
        return type_ in schema.ancestors(item.type)
    if type_ == "Quantity":
        return isinstance(item, Quantity)
    return type_ == f"System.{type_of(item).name}" or type_ == "System.Any"
