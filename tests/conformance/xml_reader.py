"""FHIR XML to JSON nodes, driven by the definitions. Only for reading test data: the product speaks JSON today."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.definitions.model import Element, Structure

_FHIR = "{http://hl7.org/fhir}"
_XHTML = "{http://www.w3.org/1999/xhtml}"
_INTEGERS = {"integer", "positiveInt", "unsignedInt"}


def resource(element: ET.Element) -> dict[str, Any]:
    name = element.tag.removeprefix(_FHIR)
    return {"resourceType": name} | _members(element, definitions().structures[name])


def _members(element: ET.Element, structure: Structure) -> dict[str, Any]:
    node: dict[str, Any] = {}
    for attribute in ("id", "url"):
        if attribute in element.attrib:
            node[attribute] = element.attrib[attribute]
    for child in element:
        if child.tag == _XHTML + "div":
            ET.register_namespace("", _XHTML[1:-1])
            node["div"] = ET.tostring(child, encoding="unicode").strip()
            continue
        name = child.tag.removeprefix(_FHIR)
        definition = structure.elements[name]
        _put(node, definition, *_value(child, definition))
    return node


def _value(child: ET.Element, definition: Element) -> tuple[Any, dict[str, Any] | None]:
    structure = definitions().structures[definition.type]
    if definition.type == "Resource":
        return resource(child[0]), None
    if structure.kind != "primitive":
        return _members(child, structure), None
    beside = _members(child, definitions().structures["Element"]) or None
    text = child.attrib.get("value")
    return None if text is None else _primitive(text, definition.type), beside


def _primitive(text: str, type_: str) -> Any:
    if type_ == "boolean":
        return text == "true"
    if type_ in _INTEGERS:
        return int(text)
    return Decimal(text) if type_ == "decimal" else text


def _put(node: dict[str, Any], definition: Element, value: Any, beside: dict[str, Any] | None) -> None:
    name = definition.name
    if not definition.is_list:
        if value is not None:
            node[name] = value
        if beside is not None:
            node["_" + name] = beside
        return
    node.setdefault(name, []).append(value)
    if beside is not None:
        node.setdefault("_" + name, [None] * (len(node[name]) - 1))
    if "_" + name in node:
        node["_" + name].append(beside)
