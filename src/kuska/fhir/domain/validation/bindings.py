"""Codes against the value sets they are bound to.

Required bindings are errors, where the standard enumerates the set. Extensible ones give a warning only when a code
claims a system the set is made of and is not in it: other codes are what "extensible" is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kuska.fhir.domain.definitions.model import Definitions, Element
from kuska.fhir.domain.validation.context import Context, shown
from kuska.fhir.domain.validation.invariants import Invariant

_BySystem = Mapping[str, frozenset[str]]


def binding_check(element: Element, definitions: Definitions) -> Invariant | None:
    """The check of the element's binding, None when there is nothing to check."""
    binding = element.binding
    if binding is None or binding.strength not in ("required", "extensible"):
        return None
    value_set = definitions.value_sets.get(binding.value_set)
    if value_set is None or value_set.codes is None or value_set.by_system is None:
        return None
    required = binding.strength == "required"
    if element.type in ("code", "string", "uri"):
        return _primitive(value_set.codes, binding.value_set) if required else None
    if element.type == "Coding":
        return _coding(value_set.by_system, binding.value_set, required=required)
    if element.type == "CodeableConcept":
        return _concept(value_set.by_system, binding.value_set, required=required)
    return None


def _primitive(codes: frozenset[str], url: str) -> Invariant:
    def check(value: Any, at: str, context: Context) -> None:
        if value not in codes:
            few = ", ".join(sorted(codes)) if len(codes) <= 12 else ""
            key = "code-not-in-set-choose" if few else "code-not-in-set"
            context.error(at, "code-invalid", key, found=shown(value), value_set=url, codes=few)

    return check


def _member(coding: Any, by_system: _BySystem) -> bool:
    if not isinstance(coding, dict):
        return False
    system, code = coding.get("system", ""), coding.get("code")
    if system.__class__ is not str or code.__class__ is not str:
        return False
    codes = by_system.get(system)
    return codes is not None and code in codes


def _claims(coding: Any, by_system: _BySystem) -> bool:
    """Does it give a code of a system that the set is made of?"""
    return isinstance(coding, dict) and "code" in coding and str(coding.get("system")) in by_system


def _written(coding: Any) -> str:
    if not isinstance(coding, dict):
        return ""
    return shown(f"{coding.get('system', '')}|{coding.get('code', '')}")


def _coding(by_system: _BySystem, url: str, *, required: bool) -> Invariant:
    def check(value: Any, at: str, context: Context) -> None:
        if _member(value, by_system):
            return
        if required:
            if "code" in value or "extension" not in value:
                context.error(at, "code-invalid", "coding-not-in-set", found=_written(value), value_set=url)
        elif _claims(value, by_system):
            context.warning(at, "code-invalid", "coding-outside-extensible", found=_written(value), value_set=url)

    return check


def _concept(by_system: _BySystem, url: str, *, required: bool) -> Invariant:
    def check(value: Any, at: str, context: Context) -> None:
        coding = value.get("coding")
        codings: list[Any] = coding if isinstance(coding, list) else []
        if any(_member(one, by_system) for one in codings):
            return
        if required:
            if codings:
                found = ", ".join(_written(one) for one in codings[:3])
                context.error(at, "code-invalid", "coding-not-in-set", found=found, value_set=url)
            elif "extension" not in value:
                context.error(at, "code-invalid", "code-needed", value_set=url)
            return
        claimed = [one for one in codings if _claims(one, by_system)]
        if claimed:
            context.warning(at, "code-invalid", "coding-outside-extensible", found=_written(claimed[0]), value_set=url)

    return check
