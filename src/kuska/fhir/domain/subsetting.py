"""`_summary` and `_elements`: the part of a resource that was asked for, marked as a part. Pure.

A resource that is not shown whole carries the SUBSETTED tag, so that nobody writes it back by mistake; mandatory
elements and modifiers are always shown.

https://hl7.org/fhir/R4/search.html#summary · https://hl7.org/fhir/R4/search.html#elements
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kuska.fhir.domain.definitions.model import Definitions, Structure
from kuska.kit.errors import IncorrectError, Issue

Node = dict[str, Any]

SUMMARIES = ("true", "text", "data", "count", "false")
_ALWAYS = frozenset({"resourceType", "id", "meta"})
SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}


@dataclass(frozen=True, slots=True)
class Subset:
    summary: str = "false"
    elements: tuple[str, ...] = ()  # top elements: 'status', 'Patient.name'

    @property
    def whole(self) -> bool:
        return not self.elements and self.summary in ("false", "count")


WHOLE = Subset()


def subset_of(params: Iterable[tuple[str, str]]) -> Subset:
    """What `_summary` and `_elements` among these parameters ask for."""
    summary, names = "false", list[str]()
    for name, value in params:
        if name == "_summary":
            if value not in SUMMARIES:
                shown = {"value": value[:40], "allowed": SUMMARIES}
                raise IncorrectError(Issue(code="value", message="interaction.bad-summary", params=shown))
            summary = value
        elif name == "_elements":
            names.extend(item.strip() for item in value.split(",") if item.strip())
    return Subset(summary, tuple(names)) if names or summary != "false" else WHOLE


def shown(node: Node, definitions: Definitions, wanted: Subset) -> Node:
    """The part that was asked for; the resource itself when that is all of it."""
    structure = definitions.structures.get(str(node.get("resourceType")))
    if wanted.whole or structure is None:
        return node
    if wanted.elements:
        names = _asked(structure, wanted.elements)
        return node if names is None else _tagged(_only(node, names))
    if wanted.summary == "true":
        return _tagged(_summary(node, structure, definitions))
    if wanted.summary == "text":
        return _tagged(_only(node, {"text"} | _mandatory(structure)))
    return _tagged({name: value for name, value in node.items() if name not in ("text", "_text")})  # data


def _tagged(node: Node) -> Node:
    meta = dict(node.get("meta") or {})
    meta["tag"] = [*(tag for tag in meta.get("tag", ()) if tag.get("code") != "SUBSETTED"), SUBSETTED]
    ordered: Node = {name: node[name] for name in ("resourceType", "id") if name in node}
    ordered["meta"] = meta
    ordered.update({name: value for name, value in node.items() if name not in _ALWAYS})
    return ordered


def _mandatory(structure: Structure) -> set[str]:
    return {element.name for element in structure.elements.values() if element.min > 0}


def _only(node: Node, names: Iterable[str]) -> Node:
    wanted = set(names) | _ALWAYS
    return {name: value for name, value in node.items() if name.removeprefix("_") in wanted}


def _asked(structure: Structure, elements: tuple[str, ...]) -> set[str] | None:
    """The properties to show; None when what was asked is about other types only ('Patient.name' for an Encounter)."""
    own: set[str] = set()
    for element in elements:
        type_, dot, name = element.partition(".")
        if not dot or not type_[:1].isupper():
            own.add(element.partition(".")[0])
        elif type_ == structure.name:
            own.add(name.partition(".")[0])
    if not own:
        return None
    # 'value' asks for value[x], whichever type it has.
    chosen = {element.name for element in structure.elements.values() if element.choice in own}
    modifiers = {element.name for element in structure.elements.values() if element.is_modifier}
    return own | chosen | modifiers | _mandatory(structure)


def _summary(node: Node, structure: Structure, definitions: Definitions) -> Node:
    """The elements of the summary; backbone elements cut down in their turn, data types whole."""
    kept: Node = {}
    for name, value in node.items():
        element = structure.elements.get(name.removeprefix("_"))
        if name in _ALWAYS:
            kept[name] = value
        elif element is not None and (element.is_summary or element.min > 0):
            kept[name] = _summary_value(value, element.type, definitions)
    return kept


def _summary_value(value: object, type_: str, definitions: Definitions) -> object:
    structure = definitions.structures.get(type_)
    if structure is None or structure.kind != "backbone" or not any(e.is_summary for e in structure.elements.values()):
        return value
    if isinstance(value, list):
        return [_summary(item, structure, definitions) if isinstance(item, dict) else item for item in value]
    return _summary(value, structure, definitions) if isinstance(value, dict) else value
