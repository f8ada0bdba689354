"""References: their form, and whether they may lead where they lead.

https://hl7.org/fhir/R4/references.html
"""

from __future__ import annotations

import re
from typing import Any

from kuska.fhir.domain.definitions.model import Definitions, Element
from kuska.fhir.domain.validation.context import Context, shown
from kuska.fhir.domain.validation.invariants import Invariant

# [base/]Type/id[/_history/version], or a conditional reference Type?query.
_LITERAL = re.compile(r"(?:(.*)/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?(?:#.*)?")
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?.+")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_STANDARD = "http://hl7.org/fhir/"


def type_of(reference: str, definitions: Definitions) -> str | None:
    """The resource type that a reference names; None when it does not say."""
    if reference.startswith("urn:"):
        return None
    found = _LITERAL.fullmatch(reference)
    if found and found[2] in definitions.type_numbers:
        return found[2]
    conditional = _CONDITIONAL.fullmatch(reference)
    return conditional[1] if conditional else None


def target_check(element: Element, definitions: Definitions) -> Invariant | None:
    if element.type != "Reference":
        return None
    targets = frozenset(element.targets)

    def check(value: Any, at: str, context: Context) -> None:
        reference = value.get("reference")
        if reference.__class__ is str:
            if reference.startswith("#"):
                found = context.contained.get(reference[1:])
            else:
                found = type_of(reference, definitions)
                if found is None and not _ABSOLUTE.match(reference):
                    context.error(at, "value", "bad-relative-reference", found=shown(reference))
                    return
                if found is None and context.around is not None:
                    found = context.type_in_bundle(reference)
                _resolved(reference, found, at, context)
            if found is not None and targets and found not in targets:
                context.error(
                    at,
                    "value",
                    "wrong-target",
                    found=found,
                    targets=", ".join(sorted(targets)),
                    reference=shown(reference),
                )
                return
        named = value.get("type")
        if named.__class__ is str and targets and named not in targets and named in definitions.type_numbers:
            context.error(at, "value", "wrong-target", found=named, targets=", ".join(sorted(targets)), reference="")

    return check


def _resolved(reference: str, named: str | None, at: str, context: Context) -> None:
    resolve = context.policy.resolve
    if resolve is None:
        return
    found = resolve(reference)
    if found is None:
        context.error(at, "not-found", "reference-not-found", found=shown(reference))
    elif found and named and found != named:
        context.error(at, "value", "wrong-target", found=found, targets=named, reference=shown(reference))


def standard_canonical_check(element: Element, definitions: Definitions) -> Invariant | None:
    """What the standard itself defines says in its URL of what type it is; where others' URLs lead, nobody knows here."""
    targets = frozenset(element.targets)
    if element.type != "canonical" or not targets or "Resource" in targets:
        return None

    def check(value: Any, at: str, context: Context) -> None:
        if value.startswith(_STANDARD):
            found = value[len(_STANDARD) :].partition("/")[0]
            if found not in targets and found in definitions.type_numbers:
                names = ", ".join(sorted(targets))
                context.error(at, "value", "wrong-target", found=found, targets=names, reference=shown(value))

    return check


def canonical_check(element: Element) -> Invariant:
    """What a canonical leads to, where the policy can tell."""
    targets = frozenset(element.targets)

    def check(value: Any, at: str, context: Context) -> None:
        resolve = context.policy.resolve
        if resolve is None or value.startswith("#"):
            return
        found = resolve(value)
        if found and targets and found not in targets:
            context.error(
                at, "value", "wrong-target", found=found, targets=", ".join(sorted(targets)), reference=shown(value)
            )

    return check
