"""Handlers: what a check does with the members that its quick test does not settle.

Objects and arrays, unusual good values, bad values of one element, and the `_name` beside a primitive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kuska.fhir.domain.definitions.model import Element
from kuska.fhir.domain.validation.context import Context, shown
from kuska.fhir.domain.validation.invariants import Invariant
from kuska.fhir.domain.validation.primitives import PRIMITIVES, URI_TYPES, WARNED, Primitive, kind_of
from kuska.kit.json import Node

# (node, its place, context)
Check = Callable[[Node, str, Context], None]
# (value, place of the owner, owner, context)
Handler = Callable[[Any, str, Node, Context], None]


def label(element: Element) -> str:
    """The element in FHIRPath: '.status', '.value.ofType(Quantity)'."""
    return f".{element.name}" if element.choice is None else f".{element.choice}.ofType({element.type})"


def wrong_resource_type(value: Any, at: str, node: Node, context: Context) -> None:  # noqa: ARG001
    context.error(at, "structure", "resource-type-differs", found=shown(value))


def text_problem(value: Any) -> str | None:
    return "empty-string" if value == "" else "wrong-json-type"


def single(element: Element, item: Check) -> Handler:
    suffix = label(element)

    def handle(value: Any, at: str, node: Node, context: Context) -> None:  # noqa: ARG001
        if value.__class__ is dict:
            item(value, at + suffix, context)
        elif value.__class__ is list:
            context.error(at + suffix, "structure", "array-not-allowed", name=element.name)
        else:
            context.error(at + suffix, "structure", "wrong-json-type", expected="object", found=kind_of(value))

    return handle


def many(element: Element, item: Check) -> Handler:
    suffix = label(element)
    accepts = _count_check(element)

    def handle(value: Any, at: str, node: Node, context: Context) -> None:  # noqa: ARG001
        place = at + suffix
        if value.__class__ is not list:
            context.error(place, "structure", "array-expected", name=element.name, found=kind_of(value))
            return
        if not accepts(value, place, context):
            return
        for index, one in enumerate(value):
            if one.__class__ is dict:
                item(one, f"{place}[{index}]", context)
            else:
                context.error(
                    f"{place}[{index}]", "structure", "wrong-json-type", expected="object", found=kind_of(one)
                )

    return handle


def _count_check(element: Element) -> Callable[[list[Any], str, Context], bool]:
    def accepts(value: list[Any], place: str, context: Context) -> bool:
        if not value:
            context.error(place, "structure", "empty-array", name=element.name)
            return False
        if element.max != -1 and len(value) > element.max:
            context.error(place, "structure", "too-many", name=element.name, limit=element.max, found=len(value))
        if len(value) < element.min:
            context.error(place, "required", "too-few", name=element.name, limit=element.min, found=len(value))
        return True

    return accepts


def _report_value(value: Any, place: str, element: Element, primitive: Primitive, context: Context) -> bool:
    """Say what is wrong with a primitive that did not pass its test; False when it is good after all."""
    key = primitive.problem(value)
    if key is None:
        return False
    if key == "wrong-json-type":
        context.error(place, "structure", key, expected=primitive.json_name, found=kind_of(value))
    elif key in WARNED and element.type in URI_TYPES:
        context.warning(place, "value", key, found=shown(value), type=element.type)
        return False
    else:
        context.error(place, "value", key, found=shown(value), type=element.type)
    return True


def single_primitive(element: Element, primitive: Primitive, extras: tuple[Invariant, ...]) -> Handler:
    suffix = label(element)
    json, test = primitive.json, primitive.test

    def handle(value: Any, at: str, node: Node, context: Context) -> None:  # noqa: ARG001
        place = at + suffix
        if value.__class__ is list:
            context.error(place, "structure", "array-not-allowed", name=element.name)
            return
        if not (value.__class__ is json and test(value)) and _report_value(value, place, element, primitive, context):
            return
        for extra in extras:
            extra(value, place, context)

    return handle


def list_of_primitives(element: Element, primitive: Primitive, extras: tuple[Invariant, ...]) -> Handler:
    suffix = label(element)
    json, test = primitive.json, primitive.test
    accepts = _count_check(element)
    companion_name = "_" + element.name

    def handle(value: Any, at: str, node: Node, context: Context) -> None:
        place = at + suffix
        if value.__class__ is not list:
            context.error(place, "structure", "array-expected", name=element.name, found=kind_of(value))
            return
        if not accepts(value, place, context):
            return
        for index, one in enumerate(value):
            if one.__class__ is json and test(one) and not extras:
                continue
            if one is None and _has_companion(node.get(companion_name), index):
                continue
            here = f"{place}[{index}]"
            if (one.__class__ is json and test(one)) or not _report_value(one, here, element, primitive, context):
                for extra in extras:
                    extra(one, here, context)

    return handle


def _has_companion(companions: Any, index: int) -> bool:
    return isinstance(companions, list) and index < len(companions) and isinstance(companions[index], dict)


def beside(element: Element, companion: Callable[[], Check], *, needs_code: bool) -> Handler:
    """`_birthDate`: id and extensions of a single primitive."""
    suffix = label(element)

    def handle(value: Any, at: str, node: Node, context: Context) -> None:
        if value.__class__ is dict:
            companion()(value, at + suffix, context)
            _check_companion(value, node.get(element.name), at + suffix, context)
            if needs_code and node.get(element.name) is None:
                _report_no_code(element, at + suffix, context)
        else:
            context.error(at + suffix, "structure", "wrong-json-type", expected="object", found=kind_of(value))

    return handle


def companions(element: Element, companion: Callable[[], Check], *, needs_code: bool) -> Handler:
    """`_given`: aligned with the values, null where there is nothing to say."""
    suffix = label(element)

    def handle(value: Any, at: str, node: Node, context: Context) -> None:
        place = at + suffix
        if value.__class__ is not list or not value:
            context.error(place, "structure", "array-expected", name="_" + element.name, found=kind_of(value))
            return
        own = node.get(element.name)
        values: list[Any] = own if isinstance(own, list) else []
        if element.name in node and len(values) != len(value):
            context.error(place, "structure", "arrays-not-aligned", name=element.name)
        for index, one in enumerate(value):
            if one is None:
                if index >= len(values):
                    context.error(f"{place}[{index}]", "structure", "null-without-value", name=element.name)
            elif one.__class__ is dict:
                beside = values[index] if index < len(values) else None
                companion()(one, f"{place}[{index}]", context)
                _check_companion(one, beside, f"{place}[{index}]", context)
                if needs_code and beside is None:
                    _report_no_code(element, f"{place}[{index}]", context)
            else:
                context.error(
                    f"{place}[{index}]", "structure", "wrong-json-type", expected="object", found=kind_of(one)
                )

    return handle


def _check_companion(companion: Node, value: Any, place: str, context: Context) -> None:
    """An id says something only beside a value (ele-1)."""
    if not companion or (value is None and companion.keys() == {"id"}):
        context.error(place, "structure", "empty-object")


def _report_no_code(element: Element, place: str, context: Context) -> None:
    """An extension (data-absent-reason, say) does not stand for a code of a required binding."""
    value_set = element.binding.value_set if element.binding else ""
    context.error(place, "code-invalid", "code-needed", value_set=value_set)


def element_id(element: Element) -> Handler:
    """The id of an element: any text, once in a resource."""
    primitive = PRIMITIVES[element.type]

    def handle(value: Any, at: str, node: Node, context: Context) -> None:  # noqa: ARG001
        place = f"{at}.id"
        if not (isinstance(value, str) and primitive.test(value)):
            _report_value(value, place, element, primitive, context)
        elif value in context.element_ids:
            context.error(place, "business-rule", "duplicate-element-id", found=shown(value))
        else:
            context.element_ids.add(value)

    return handle
