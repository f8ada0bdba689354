"""Rules of the resources that define others: profiles and search parameters against the base they derive from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kuska.fhir.domain.definitions.model import Definitions, Structure
from kuska.fhir.domain.validation.context import Context, shown
from kuska.kit.json import Node

Rule = Callable[[Node, str, Context], None]


def differential_rule(definitions: Definitions) -> Rule:
    """The differential of a profile speaks of elements that its type has."""

    def rule(node: Node, at: str, context: Context) -> None:
        type_ = node.get("type")
        differential: Any = node.get("differential")
        if node.get("derivation") != "constraint" or str(type_) not in definitions.structures:
            return
        for index, element in enumerate(_list(differential, "element")):
            path: Any = element.get("path") if isinstance(element, dict) else None
            if isinstance(path, str) and not _exists(path, str(type_), definitions):
                place = f"{at}.differential.element[{index}].path"
                context.error(place, "value", "no-such-path", found=shown(path), type=str(type_))

    return rule


def _list(node: Any, name: str) -> list[Any]:
    found: Any = node.get(name) if isinstance(node, dict) else None
    return found if isinstance(found, list) else []


def _exists(path: str, type_: str, definitions: Definitions) -> bool:
    first, *steps = path.split(".")
    if first != type_:
        return False
    owners = [definitions.structures[type_]]
    for step in steps:
        owners = [inner for owner in owners for inner in _below(owner, step, definitions)]
        if not owners:
            return False
    return True


def _below(owner: Structure, step: str, definitions: Definitions) -> list[Structure]:
    name = step.removesuffix("[x]")
    if owner.name in ("Resource", "DomainResource"):  # of any type: what comes below cannot be known
        return [owner]
    found = [e for e in owner.elements.values() if name in (e.name, e.choice)]
    if not found and owner.kind == "primitive" and step == "value":
        return [owner]
    return [definitions.structures[e.type] for e in found]


def search_parameter_rule(definitions: Definitions) -> Rule:
    """A search parameter that derives from a standard one keeps its type."""

    def rule(node: Node, at: str, context: Context) -> None:
        origin = node.get("derivedFrom")
        bases = node.get("base")
        if not isinstance(origin, str) or not isinstance(bases, list):
            return
        for base in bases:
            for parameter in definitions.search[base].values() if str(base) in definitions.search else ():
                if parameter.url == origin and node.get("type") not in (parameter.type, None):
                    found, expected = shown(node["type"]), parameter.type
                    context.error(f"{at}.type", "business-rule", "search-type-differs", found=found, expected=expected)
                    return

    return rule
