"""Structures compiled to checks.

A check walks the members of one object once. For each it looks up an `_Entry`: the class and the test of the usual
good value, so that most primitives are settled without a call of ours, and the function that handles everything else
(objects, arrays, unusual and bad values). Entries are made when a name is first met, so a process pays only for what
its data uses; names that do not exist make none, so nobody can fill the memory with them.

Invariant: a check reports every problem below its place, and only with `Context.error` or `.warning`.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypeGuard

from kuska.fhir.domain.definitions.model import Definitions, Element, Structure
from kuska.fhir.domain.validation.bindings import binding_check
from kuska.fhir.domain.validation.context import Context, shown
from kuska.fhir.domain.validation.handlers import (
    Check,
    Handler,
    beside,
    companions,
    element_id,
    list_of_primitives,
    many,
    single,
    single_primitive,
    text_problem,
    wrong_resource_type,
)
from kuska.fhir.domain.validation.invariants import Invariant, element_invariants, structure_invariants
from kuska.fhir.domain.validation.primitives import PRIMITIVES, Primitive, kind_of
from kuska.fhir.domain.validation.references import standard_canonical_check, target_check
from kuska.fhir.domain.validation.rules import policy_checks, rules_of
from kuska.kit.json import Node

_Entry = tuple[type, Callable[[Any], object], Handler]


class _NoClass:
    """The class that no JSON value has: its entry always goes to the handler."""


def _never(value: Any) -> bool:  # noqa: ARG001
    return False


class Compiler:
    """Makes and keeps the checks of one set of definitions.

    `thorough` checks also look at what only some policies ask for (contents of markdown, targets of canonicals).
    """

    def __init__(self, definitions: Definitions, *, thorough: bool = False) -> None:
        self.definitions = definitions
        self.thorough = thorough
        self._checks: dict[str, Check] = {}
        self._companion: Check | None = None

    def check(self, name: str) -> Check:
        found = self._checks.get(name)
        if found is None:
            found = self._checks[name] = self._compiled(self.definitions.structures[name])
        return found

    def companion(self) -> Check:
        """Check of the object beside a primitive (`_birthDate`): id and extensions, whatever the value is."""
        if self._companion is None:
            self._companion = self._compiled(self.definitions.structures["Element"], may_be_empty=True)
        return self._companion

    def resource(self, value: Any, at: str, context: Context, *, contained: bool) -> None:
        """A resource inside another one: contained, a bundle's entry, a parameter."""
        if value.__class__ is not dict:
            context.error(at, "structure", "wrong-json-type", expected="object", found=kind_of(value))
            return
        type_ = value.get("resourceType")
        if not self.is_resource_type(type_):
            report_bad_type(type_, at, context, self.definitions)
            return
        self.check(type_)(value, at, context.inside(value, at, contained=contained))

    def is_resource_type(self, name: object) -> TypeGuard[str]:
        return isinstance(name, str) and name in self.definitions.type_numbers

    def _compiled(self, structure: Structure, *, may_be_empty: bool = False) -> Check:
        entries: dict[str, _Entry] = {}
        get = entries.get
        make = _Entries(self, structure).made
        required = frozenset(e.name for e in structure.elements.values() if e.min and e.choice is None)
        report_missing = _missing(structure)
        groups = _choices(structure)
        invariants = structure_invariants(structure, self.definitions)
        rules = rules_of(structure.name, self.definitions)
        is_element = structure.kind != "resource" and not may_be_empty

        def check(node: Node, at: str, context: Context) -> None:
            for name, value in node.items():
                entry = get(name)
                if entry is None:
                    entry = make(name)
                    if entry is None:
                        _report_unknown(structure, name, at, context)
                        continue
                    entries[name] = entry
                json, test, handler = entry
                if value.__class__ is json and test(value):
                    continue
                handler(value, at, node, context)
            if is_element and len(node) < 2 and (not node or "id" in node):
                context.error(at, "structure", "empty-object")
            if not required <= node.keys():
                report_missing(node, at, context)
            for members, needed, base in groups:
                present = members & node.keys()
                if len(present) > 1 or (needed and not present):
                    _report_choice(present, base, at, context)
            for invariant in invariants:
                invariant(node, at, context)
            for rule in rules:
                rule(node, at, context)

        return check


def _missing(structure: Structure) -> Callable[[Node, str, Context], None]:
    def report(node: Node, at: str, context: Context) -> None:
        for element in structure.elements.values():
            if element.min and element.choice is None and element.name not in node and "_" + element.name not in node:
                context.error(at, "required", "missing-element", name=element.name)

    return report


def _choices(structure: Structure) -> list[tuple[frozenset[str], bool, str]]:
    """(names of the members with their companions, is one needed, name of the choice) of each value[x]."""
    groups: dict[str, list[Element]] = {}
    for element in structure.elements.values():
        if element.choice is not None:
            groups.setdefault(element.choice, []).append(element)
    return [
        (
            frozenset(e.name for e in members) | frozenset("_" + e.name for e in members if e.type in PRIMITIVES),
            members[0].min > 0,
            base,
        )
        for base, members in groups.items()
    ]


def _report_choice(present: frozenset[str], base: str, at: str, context: Context) -> None:
    names = sorted({name.removeprefix("_") for name in present})
    if not names:
        context.error(at, "required", "missing-choice", name=base)
    elif len(names) > 1:
        context.error(at, "structure", "several-choices", name=base, found=", ".join(names))


def _report_unknown(structure: Structure, name: str, at: str, context: Context) -> None:
    for base in {e.choice for e in structure.elements.values() if e.choice}:
        if name.startswith(base) and name[len(base) : len(base) + 1].isupper():
            types = ", ".join(e.name for e in structure.elements.values() if e.choice == base)
            context.error(at, "structure", "choice-type-not-allowed", name=shown(name), types=types)
            return
    names = list(structure.elements)
    close = get_close_matches(name, names, n=1, cutoff=0.7)
    if not close and (lower := [n for n in names if n.lower() == name.lower()]):
        close = lower
    key = "unknown-element-did-you-mean" if close else "unknown-element"
    context.error(at, "structure", key, name=shown(name), type=structure.name, suggestion=close[0] if close else "")


def report_bad_type(type_: object, at: str, context: Context, definitions: Definitions) -> None:
    if type_ is None:
        context.error(at, "structure", "no-resource-type")
        return
    close = get_close_matches(str(type_), definitions.resource_types, n=1, cutoff=0.7)
    key = "unknown-resource-type-did-you-mean" if close else "unknown-resource-type"
    context.error(at, "structure", key, name=shown(type_), suggestion=close[0] if close else "")


class _Entries:
    """Makes the entries of one structure."""

    def __init__(self, compiler: Compiler, structure: Structure) -> None:
        self.compiler = compiler
        self.structure = structure

    def made(self, name: str) -> _Entry | None:
        if name == "resourceType" and self.structure.kind == "resource":
            return (str, self.structure.name.__eq__, wrong_resource_type)
        element = self.structure.elements.get(name)
        if element is not None:
            # The ids of ElementDefinitions are paths, the same in snapshot and differential.
            if name == "id" and self.structure.kind != "resource" and self.structure.name != "ElementDefinition":
                return (_NoClass, _never, element_id(element))
            return self._of(element)
        owner = self.structure.elements.get(name[1:]) if name.startswith("_") else None
        if owner is not None and owner.type in PRIMITIVES:
            needs_code = owner.binding is not None and owner.binding.strength == "required"
            handler = companions if owner.is_list else beside
            return (_NoClass, _never, handler(owner, self.compiler.companion, needs_code=needs_code))
        return None

    def _of(self, element: Element) -> _Entry:
        primitive = PRIMITIVES.get(element.type)
        if primitive is not None:
            return self._primitive(element, primitive)
        if element.type == "xhtml":
            primitive = Primitive(json=str, test=len, problem=text_problem, json_name="string")
            return (str, len, single_primitive(element, primitive, ()))
        if element.type == "Resource":
            item: Check = _resource_check(self.compiler, contained=element.name == "contained")
        else:
            item = self._object(element)
        handler = many(element, item) if element.is_list else single(element, item)
        return (_NoClass, _never, handler)

    def _primitive(self, element: Element, primitive: Primitive) -> _Entry:
        extras = self._extras(element)
        codes = _closed_codes(element, self.compiler.definitions)
        if codes is not None:
            primitive = Primitive(str, codes.__contains__, primitive.problem, "string")
        if element.is_list:
            return (_NoClass, _never, list_of_primitives(element, primitive, extras))
        handler = single_primitive(element, primitive, extras)
        if any(not isinstance(extra, _Binding) for extra in extras):  # they must see good values too
            return (_NoClass, _never, handler)
        # A code of a closed set is settled by membership; the handler only has to find the words for the others.
        return (primitive.json, primitive.test, handler)

    def _object(self, element: Element) -> Check:
        check = self.compiler.check(element.type)
        extras = self._extras(element)
        if not extras:
            return check

        def with_extras(node: Node, at: str, context: Context) -> None:
            check(node, at, context)
            for extra in extras:
                extra(node, at, context)

        return with_extras

    def _extras(self, element: Element) -> tuple[Invariant, ...]:
        """What the place of the element adds to its type's own rules."""
        definitions = self.compiler.definitions
        found: list[Invariant] = []
        if (binding := binding_check(element, definitions)) is not None:
            found.append(_Binding(binding) if element.type in PRIMITIVES else binding)
        if (targets := target_check(element, definitions)) is not None:
            found.append(targets)
        if (canonical := standard_canonical_check(element, definitions)) is not None:
            found.append(canonical)
        found.extend(element_invariants(element, definitions))
        if self.compiler.thorough:
            found.extend(policy_checks(element))
        return tuple(found)


class _Binding:
    """Marks the binding of a primitive: membership in its codes is its whole meaning."""

    __slots__ = ("_check",)

    def __init__(self, check: Invariant) -> None:
        self._check = check

    def __call__(self, value: Any, at: str, context: Context) -> None:
        self._check(value, at, context)


def _closed_codes(element: Element, definitions: Definitions) -> frozenset[str] | None:
    binding = element.binding
    if binding is None or binding.strength != "required" or element.type not in ("code", "string", "uri"):
        return None
    value_set = definitions.value_sets.get(binding.value_set)
    return value_set.codes if value_set else None


def _resource_check(compiler: Compiler, *, contained: bool) -> Check:
    def check(node: Node, at: str, context: Context) -> None:
        compiler.resource(node, at, context, contained=contained)

    return check
