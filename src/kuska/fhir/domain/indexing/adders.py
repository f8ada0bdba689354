"""From an element to rows: one handler per parameter and type of element, with the parameter's number built in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kuska.fhir.domain.definitions.model import Definitions, SearchParameter
from kuska.fhir.domain.indexing import texts, values
from kuska.fhir.domain.indexing.dates import Calendar
from kuska.fhir.domain.indexing.displays import Displays, folded_display
from kuska.fhir.domain.indexing.keys import system_hash, token_code, variant_key
from kuska.fhir.domain.indexing.paths import Path
from kuska.fhir.domain.indexing.rows import IndexRows
from kuska.fhir.domain.indexing.targets import Targets
from kuska.fhir.domain.indexing.walking import Handler

_Node = dict[str, Any]
_STRINGS = frozenset({"string", "markdown", "code", "id", "uri"})


class Adders:
    def __init__(self, definitions: Definitions, targets: Targets, displays: Displays, calendar: Calendar) -> None:
        self._displays = displays
        self._dates = calendar.readers
        self._value_sets = definitions.value_sets
        self._targets = targets

    def of(self, parameter: SearchParameter, path: Path) -> list[Handler]:
        """Nothing for a type that has no values for this kind of parameter (an Age where a date is searched)."""
        key, type_ = parameter.key, path.type
        match parameter.type:
            case "token":
                return self._tokens(parameter, path)
            case "uri":
                return [_uri(key)]
            case "string":
                return _strings(key, type_)
            case "date":
                return [_date(key, self._dates[type_])] if type_ in self._dates else []
            case "number":
                return [_quantity(key, values.NUMBERS[type_])] if type_ in values.NUMBERS else []
            case "quantity":
                return [_quantity(key, values.QUANTITIES[type_])] if type_ in values.QUANTITIES else []
            case "reference":
                return self._references(parameter, type_)
            case _:
                return []

    def _tokens(self, parameter: SearchParameter, path: Path) -> list[Handler]:
        binding = None if path.element is None else path.element.binding
        read = values.tokens(path.type, binding, self._value_sets)
        handlers = [] if read is None else [_token(parameter.key, read)]
        if path.type == "Identifier":
            handlers.append(_token(variant_key(parameter.base, parameter.code, "of-type"), values.of_type))
        text_key = variant_key(parameter.base, parameter.code, "text")
        match path.type:
            case "CodeableConcept":
                handlers.append(_concept_text(text_key, self._displays))
            case "Coding":
                handlers.append(_coding_text(text_key, self._displays))
            case "Identifier":
                handlers.append(_identifier_text(text_key, self._displays))
            case _:
                pass
        return handlers

    def _references(self, parameter: SearchParameter, type_: str) -> list[Handler]:
        targets, key = self._targets, parameter.key
        match type_:
            case "Reference":
                return [_reference(key, targets), _logical(variant_key(parameter.base, parameter.code, "identifier"))]
            case "canonical" | "uri" | "url":
                return [_canonical(key, targets)]
            case "Resource":
                return [_inline(key, targets)]
            case _:
                return []


def _token(key: int, read: values.Tokens) -> Handler:
    def add(value: Any, rows: IndexRows, _: _Node) -> None:
        for system, code in read(value):
            rows.tokens.append((key, system, code))

    return add


def _concept_text(key: int, displays: Displays) -> Handler:
    """The text, unless it is what one of the codes is displayed as."""

    def add(value: _Node, rows: IndexRows, _: _Node) -> None:
        shown = [displays.of_coding(coding, key, rows) for coding in value.get("coding") or () if "display" in coding]
        text = value.get("text")
        if text is not None and folded_display(text) not in shown:
            displays.of_text(text, key, rows)

    return add


def _coding_text(key: int, displays: Displays) -> Handler:
    def add(value: _Node, rows: IndexRows, _: _Node) -> None:
        if "display" in value:
            displays.of_coding(value, key, rows)

    return add


def _identifier_text(key: int, displays: Displays) -> Handler:
    def add(value: _Node, rows: IndexRows, _: _Node) -> None:
        text = (value.get("type") or {}).get("text")
        if text is not None:
            displays.of_text(text, key, rows)

    return add


def _uri(key: int) -> Handler:
    def add(value: str, rows: IndexRows, _: _Node) -> None:
        rows.tokens.append((key, 0, token_code(value)))
        if "|" in value:  # a canonical with its version is found without it too
            rows.tokens.append((key, 0, token_code(value.partition("|")[0])))

    return add


def _strings(key: int, type_: str) -> list[Handler]:
    if type_ == "HumanName":
        return [_parts(key, texts.name_parts)]
    if type_ == "Address":
        return [_parts(key, texts.address_parts)]
    if type_ == "CodeableConcept":
        return [_parts(key, lambda value: [value["text"]] if "text" in value else [])]
    return [_string(key)] if type_ in _STRINGS else []


def _string(key: int) -> Handler:
    def add(value: str, rows: IndexRows, _: _Node) -> None:
        texts.add_text(key, value, rows.strings)

    return add


def _parts(key: int, read: Callable[[_Node], list[str]]) -> Handler:
    def add(value: _Node, rows: IndexRows, _: _Node) -> None:
        texts.add_texts(key, read(value), rows.strings)

    return add


def _date(key: int, read: Callable[[Any], tuple[int, int] | None]) -> Handler:
    def add(value: Any, rows: IndexRows, _: _Node) -> None:
        span = read(value)
        if span is not None:
            rows.dates.append((key, *span))

    return add


def _quantity(key: int, read: Callable[[Any], values.Span | None]) -> Handler:
    def add(value: Any, rows: IndexRows, _: _Node) -> None:
        span = read(value)
        if span is not None:
            rows.quantities.append((key, *span))

    return add


def _reference(key: int, targets: Targets) -> Handler:
    read = targets.of_reference

    def add(value: _Node, rows: IndexRows, resource: _Node) -> None:
        target = read(value, resource)
        if target is not None:
            rows.references.append((key, *target))

    return add


def _logical(key: int) -> Handler:
    """`Reference.identifier`, for `:identifier`."""

    def add(value: _Node, rows: IndexRows, _: _Node) -> None:
        identifier = value.get("identifier")
        if identifier is not None and "value" in identifier:
            rows.tokens.append((key, system_hash(identifier.get("system") or ""), token_code(identifier["value"])))

    return add


def _canonical(key: int, targets: Targets) -> Handler:
    def add(value: str, rows: IndexRows, resource: _Node) -> None:
        if value.startswith("#"):
            target = targets.of_reference({"reference": value}, resource)
            if target is not None:
                rows.references.append((key, *target))
            return
        rows.references.append((key, *targets.of(value)))
        if "|" in value:
            rows.references.append((key, *targets.of(value.partition("|")[0])))

    return add


def _inline(key: int, targets: Targets) -> Handler:
    """A resource in place of a reference: the first entry of a document or message."""

    def add(value: _Node, rows: IndexRows, _: _Node) -> None:
        type_, id_ = value.get("resourceType"), value.get("id")
        if type_ is not None and id_ is not None and targets.number(type_):
            rows.references.append((key, *targets.address(type_, id_)))

    return add
