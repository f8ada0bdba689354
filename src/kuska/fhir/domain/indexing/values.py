"""From an element to its searchable values: one function per kind of parameter and type of element.

Role: what R4's table at https://hl7.org/fhir/R4/search.html#token (and its neighbours) says, as functions of plain
trees. They give values without the parameter, so that index rows and composite rows are made from the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kuska.fhir.domain.definitions.model import Binding, ValueSet
from kuska.fhir.domain.indexing.keys import MAX_CODE, system_hash, token_code
from kuska.fhir.domain.indexing.quantities import (
    Span,
    money_span,
    number_range_span,
    number_span,
    quantity_span,
    range_span,
)

Token = tuple[int, str]  # system, code
Tokens = Callable[[Any], Sequence[Token]]

_PLAIN_TOKENS = frozenset({"string", "id", "uri", "url", "canonical", "oid", "uuid", "markdown", "date", "dateTime"})

NUMBERS: Mapping[str, Callable[[Any], Span | None]] = {
    "decimal": number_span,
    "integer": number_span,
    "positiveInt": number_span,
    "unsignedInt": number_span,
    "Range": number_range_span,
}
QUANTITIES: Mapping[str, Callable[[Any], Span | None]] = {
    "Quantity": quantity_span,
    "Age": quantity_span,
    "Duration": quantity_span,
    "Count": quantity_span,
    "Distance": quantity_span,
    "Money": money_span,
    "Range": range_span,
}


def tokens(type_: str, binding: Binding | None, value_sets: Mapping[str, ValueSet]) -> Tokens | None:
    """None for elements that are no tokens."""
    match type_:
        case "CodeableConcept":
            return _concept
        case "Coding":
            return _coding
        case "Identifier":
            return _identifier
        case "ContactPoint":
            return _contact
        case "boolean":
            return _boolean
        case "code":
            return _code(_systems(binding, value_sets))
        case _:
            return _text if type_ in _PLAIN_TOKENS else None


def _coding(value: dict[str, Any]) -> Sequence[Token]:
    code, system = value.get("code"), value.get("system")
    if code is None:
        # A system alone still answers `system|`.
        return ((system_hash(system), ""),) if system else ()
    return ((system_hash(system) if system else 0, code if len(code) <= MAX_CODE else token_code(code)),)


def _concept(value: dict[str, Any]) -> Sequence[Token]:
    codings = value.get("coding")
    if not codings:
        return ()
    if len(codings) == 1:
        return _coding(codings[0])
    return [token for coding in codings for token in _coding(coding)]


def _identifier(value: dict[str, Any]) -> Sequence[Token]:
    code, system = value.get("value"), value.get("system")
    if code is None:
        return ((system_hash(system), ""),) if system else ()
    return ((system_hash(system) if system else 0, token_code(code)),)


def _contact(value: dict[str, Any]) -> Sequence[Token]:
    """Without a system: R4 allows no '|' in these searches."""
    text = value.get("value")
    return () if text is None else ((0, token_code(text)),)


def _boolean(value: object) -> Sequence[Token]:
    return ((0, "true" if value else "false"),)


def _text(value: str) -> Sequence[Token]:
    return ((0, token_code(value)),)


def _code(systems: Mapping[str, int]) -> Tokens:
    """A plain code's system is the one that its required value set takes it from."""

    def read(value: str) -> Sequence[Token]:
        return ((systems.get(value, 0), token_code(value)),)

    return read


def _systems(binding: Binding | None, value_sets: Mapping[str, ValueSet]) -> Mapping[str, int]:
    if binding is None or binding.strength != "required" or binding.value_set not in value_sets:
        return {}
    by_system = value_sets[binding.value_set].by_system or {}
    return {code: system_hash(system) for system, codes in by_system.items() for code in codes}


def of_type(identifier: dict[str, Any]) -> Sequence[Token]:
    """For `:of-type`: type's system, and 'type code|value'."""
    value = identifier.get("value")
    if value is None:
        return ()
    return [
        (system_hash(coding.get("system") or ""), token_code(f"{coding['code']}|{value}"))
        for coding in (identifier.get("type") or {}).get("coding") or ()
        if coding.get("code")
    ]
