"""Rules that the standard states in words: narratives, attachments, bundles, extensions, definitions.

`rules_of` gives the rules of a structure's instances; they run after its own check.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import Any

from kuska.fhir.domain.definitions.model import Definitions, Element
from kuska.fhir.domain.narrative import narrative_problem
from kuska.fhir.domain.validation.bundles import bundle_rules
from kuska.fhir.domain.validation.conformance import differential_rule, search_parameter_rule
from kuska.fhir.domain.validation.context import Context, shown
from kuska.fhir.domain.validation.extensions import ExtensionRule
from kuska.fhir.domain.validation.invariants import Invariant
from kuska.fhir.domain.validation.references import canonical_check
from kuska.fhir.domain.validation.terminology import SNOMED, is_snomed_id
from kuska.kit.json import Node

Rule = Callable[[Node, str, Context], None]

_TAG = re.compile(r"</?[A-Za-z][^>]*>")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")


def _narrative(node: Node, at: str, context: Context) -> None:
    """txt-1, txt-2: https://hl7.org/fhir/R4/narrative.html"""
    div = node.get("div")
    if not isinstance(div, str):
        return
    problem = narrative_problem(div)
    if problem is not None:
        key, detail = problem
        context.error(f"{at}.div", "invalid", key, detail=detail)


def _attachment(node: Node, at: str, context: Context) -> None:
    """`size` is the number of bytes before base64."""
    size, data = node.get("size"), node.get("data")
    if size.__class__ is not int or not isinstance(data, str):
        return
    try:
        found = len(binascii.a2b_base64("".join(data.split()), strict_mode=True))
    except ValueError:
        return  # the value itself is reported
    if found != size:
        context.error(at, "structure", "attachment-size", size=size, found=found)


def _absolute_system(node: Node, at: str, context: Context) -> None:
    """The system of a value set's include is an absolute URI."""
    system = node.get("system")
    if isinstance(system, str) and not _ABSOLUTE.match(system):
        context.error(f"{at}.system", "value", "system-not-absolute", found=shown(system))


def _snomed(node: Node, at: str, context: Context) -> None:
    """A SNOMED CT identifier has a check digit; expressions (with : or +) are another matter."""
    if node.get("system") == SNOMED:
        code = node.get("code")
        if isinstance(code, str) and code.isdecimal() and not is_snomed_id(code):
            context.warning(f"{at}.code", "code-invalid", "bad-snomed-id", found=shown(code))


def _snomed_concepts(node: Node, at: str, context: Context) -> None:
    """A value set is made of codes that can exist."""
    concepts = node.get("concept")
    if node.get("system") != SNOMED or not isinstance(concepts, list):
        return
    for index, concept in enumerate(concepts):
        code = concept.get("code") if isinstance(concept, dict) else None
        if isinstance(code, str) and code.isdecimal() and not is_snomed_id(code):
            context.error(f"{at}.concept[{index}]", "code-invalid", "bad-snomed-id", found=shown(code))


_RULES: dict[str, tuple[Rule, ...]] = {
    "Narrative": (_narrative,),
    "Attachment": (_attachment,),
    "Coding": (_snomed,),
    "ValueSet.compose.include": (_absolute_system, _snomed_concepts),
    "Bundle": bundle_rules,
}


def policy_checks(element: Element) -> tuple[Invariant, ...]:
    """Checks of primitive values that only some policies ask for."""
    if element.type == "markdown":
        return (_markdown,)
    if element.type == "canonical":
        return (canonical_check(element),)
    return ()


def _markdown(value: Any, at: str, context: Context) -> None:
    if not context.policy.html_in_markdown and (found := _TAG.search(value)):
        context.error(at, "value", "html-in-markdown", found=shown(found[0]))


def rules_of(name: str, definitions: Definitions) -> tuple[Rule, ...]:
    if name == "Extension":
        return (ExtensionRule(definitions),)
    if name == "StructureDefinition":
        return (differential_rule(definitions),)
    if name == "SearchParameter":
        return (search_parameter_rule(definitions),)
    return _RULES.get(name, ())
