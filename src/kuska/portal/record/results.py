"""Last results with their trend: last value, the one before, direction, reference range."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from kuska.portal.record.coded import Node, codes, first_code, label, valid, when
from kuska.portal.record.page import Range, Reading, Result, Trend

_GROUPS = {"laboratory": "laboratorio", "vital-signs": "signos vitales"}
_DATES = ("effectiveDateTime", "effectivePeriod.start", "effectiveInstant", "issued")
_SERIES = 6
# A change under this share of the value before says nothing: most analysers and people vary more.
_NOISE = Decimal("0.03")


def results(nodes: Iterable[Node]) -> tuple[Result, ...]:
    """Laboratory and vital signs, most recent first. A panel's components are results of their own."""
    found: defaultdict[str, list[tuple[str, Node, Node]]] = defaultdict(list)
    for node in nodes:
        group = _group(node)
        date = when(node, *_DATES)
        if group is None or date is None or not valid(node):
            continue
        for part in _parts(node):
            found[_key(part)].append((date, part, node))
    made = [_result(sorted(rows, key=lambda row: row[0])) for rows in found.values()]
    return tuple(sorted(made, key=lambda result: (result.last.date, result.name), reverse=True))


def _group(node: Node) -> str | None:
    for category in node.get("category", ()):
        for _, code in codes(category):
            if code in _GROUPS:
                return _GROUPS[code]
    return None


def _parts(node: Node) -> list[Node]:
    parts = [part for part in (node, *node.get("component", ())) if _value(part) is not None]
    # A gene with its name in a component is one result, not two.
    return parts[:1] if _value(node) is not None else parts


def _key(part: Node) -> str:
    """What makes two results the same test: the code, and what it was applied to (which gene, say)."""
    own = next(iter(codes(part.get("code"))), ("", label(part.get("code")) or ""))
    about = (code for item in part.get("component", ()) for _, code in codes(item.get("valueCodeableConcept")))
    return "|".join((*own, *about))


def _value(part: Node) -> tuple[Decimal | int | str, str | None, str] | None:
    """(value, unit as shown, what makes it comparable)."""
    quantity = part.get("valueQuantity")
    if quantity is not None and "value" in quantity:
        unit = quantity.get("unit") or quantity.get("code")
        return quantity["value"], unit, f"{quantity.get('system', '')}|{quantity.get('code') or unit or ''}"
    if "valueInteger" in part:
        return part["valueInteger"], None, "integer"
    text = label(part.get("valueCodeableConcept")) or part.get("valueString")
    return None if text is None else (text, None, "text")


def _reading(date: str, part: Node, node: Node) -> tuple[Reading, str]:
    value = _value(part)
    assert value is not None  # noqa: S101 - _parts kept only those that have one
    interpretations: list[Node] = (
        part.get("interpretation") or (node.get("interpretation") if part is node else None) or []
    )
    meaning = first_code(interpretations[0]) if interpretations else None
    return Reading(value[0], value[1], date, meaning), value[2]


def _result(rows: list[tuple[str, Node, Node]]) -> Result:
    date, part, node = rows[-1]
    last, kind = _reading(date, part, node)
    same = [
        reading for row in rows[-_SERIES:] if (made := _reading(*row)) and made[1] == kind for reading in (made[0],)
    ]
    previous = same[-2] if len(same) > 1 else None
    return Result(
        name=label(part.get("code")) or "resultado",
        code=first_code(part.get("code")),
        group=_group(node) or "",
        last=last,
        previous=previous,
        trend=_trend(last, previous),
        reference=_reference(part),
        series=tuple(same),
        count=len(rows),
    )


def _trend(last: Reading, previous: Reading | None) -> Trend | None:
    if previous is None or isinstance(last.value, str) or isinstance(previous.value, str):
        return None
    change = Decimal(last.value) - Decimal(previous.value)
    if abs(change) <= abs(Decimal(previous.value)) * _NOISE:
        return Trend.STEADY
    return Trend.UP if change > 0 else Trend.DOWN


def _reference(part: Node) -> Range | None:
    ranges: list[Node] = part.get("referenceRange") or []
    if not ranges:
        return None
    first = ranges[0]
    return Range(first.get("low", {}).get("value"), first.get("high", {}).get("value"), first.get("text"))
