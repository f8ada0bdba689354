"""Constraints written by hand, because they are the hottest or because FHIRPath decides them too harshly.

Each says the same as its FHIRPath (a test compares them on the examples of the standard), but:
- ref-1 lets '#' alone lead from a contained resource to its container, as the text of R4 does;
- rng-2 holds where the two sides cannot be compared (other units): nobody can say that they are wrong;
- a warning about a name needs a name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from kuska.fhir.domain.ucum import canonical
from kuska.fhir.domain.validation.context import Context
from kuska.kit.json import Node

Test = Callable[[Any, Context], bool]


def _has(node: Node, name: str) -> bool:
    return name in node or "_" + name in node


def _ext_1(node: Node, context: Context) -> bool:  # noqa: ARG001
    has_value = False
    for name in node:
        if name.startswith(("value", "_value")):
            has_value = True
            break
    return ("extension" in node) != has_value


def _ref_1(node: Node, context: Context) -> bool:
    reference = node.get("reference")
    if not isinstance(reference, str) or not reference.startswith("#"):
        return True
    # '#' alone is the container, seen from a contained resource.
    return reference[1:] in context.contained or (reference == "#" and context.resource is not context.root)


def _dom_2(node: Node, context: Context) -> bool:  # noqa: ARG001
    return "contained" not in node or not any("contained" in inner for inner in _contained(node))


def _dom_4(node: Node, context: Context) -> bool:  # noqa: ARG001
    if "contained" not in node:
        return True
    metas = [_meta(inner) for inner in _contained(node)]
    return not any(_has(meta, "versionId") or _has(meta, "lastUpdated") for meta in metas)


def _dom_5(node: Node, context: Context) -> bool:  # noqa: ARG001
    return "contained" not in node or not any("security" in _meta(inner) for inner in _contained(node))


def _contained(node: Node) -> list[Node]:
    inner = node["contained"]
    return [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []


def _meta(node: Node) -> Node:
    meta = node.get("meta")
    return meta if isinstance(meta, dict) else {}


def _value(node: Node) -> bool:
    return any(name.startswith(("value", "_value")) for name in node)


def _obs_6(node: Node, context: Context) -> bool:  # noqa: ARG001
    return not _has(node, "dataAbsentReason") or not _value(node)


def _obs_7(node: Node, context: Context) -> bool:
    components = node.get("component")
    if not isinstance(components, list) or not _value(node):
        return True
    own: dict[str, list[Any]] = {}  # by what tells most of them apart, so that many against many stays linear
    for coding in _codings(context.resource.get("code")):
        own.setdefault(_mark(coding), []).append(coding)
    return not any(
        coding in own.get(_mark(coding), ())
        for one in components
        if isinstance(one, dict)
        for coding in _codings(one.get("code"))
    )


def _mark(coding: Any) -> str:
    return f"{coding.get('system')}|{coding.get('code')}|{coding.get('display')}" if isinstance(coding, dict) else ""


def _codings(concept: Any) -> list[Any]:
    coding: Any = concept.get("coding") if isinstance(concept, dict) else None
    return coding if isinstance(coding, list) else []


def _per_1(node: Node, context: Context) -> bool:  # noqa: ARG001
    return not_after(node.get("start"), node.get("end"))


def _mdd_1(node: Node, context: Context) -> bool:  # noqa: ARG001
    return not_after(node.get("whenPrepared"), node.get("whenHandedOver"))


def not_after(start: Any, end: Any) -> bool:
    """Is `start` known to be at or before `end`? 2020 and 2020-05 cannot be compared, which R4 counts as a no."""
    if not isinstance(start, str) or not isinstance(end, str):
        return True
    if len(start) > 10 and len(end) > 10:
        if start[19:] == end[19:]:
            return start <= end
        try:
            return datetime.fromisoformat(start) <= datetime.fromisoformat(end)
        except (ValueError, TypeError):  # second 60, or no zone: reported where the value is
            return True
    known = min(len(start), len(end), 10)
    below, above = start[:known], end[:known]
    return below < above or (below == above and len(start) == len(end))


def _rng_2(node: Node, context: Context) -> bool:  # noqa: ARG001
    low, high = node.get("low"), node.get("high")
    if not isinstance(low, dict) or not isinstance(high, dict):
        return True
    below, above = low.get("value"), high.get("value")
    if not isinstance(below, int | Decimal) or not isinstance(above, int | Decimal):
        return True
    if all(low.get(name) == high.get(name) for name in ("system", "code", "unit")):
        return below <= above
    from_, to = canonical(below, str(low.get("code"))), canonical(above, str(high.get("code")))
    return from_ is None or to is None or from_[1] != to[1] or from_[0] <= to[0]


def _que_2(node: Node, context: Context) -> bool:  # noqa: ARG001
    return _distinct(node, lambda below: below.get("linkId") if below is not node else None)


def _csd_1(node: Node, context: Context) -> bool:  # noqa: ARG001
    def codes(below: Node) -> list[Any]:
        concepts = below.get("concept")
        return [one.get("code") for one in concepts if isinstance(one, dict)] if isinstance(concepts, list) else []

    return _distinct(node, codes)


def _distinct(node: Node, read: Callable[[Node], Any]) -> bool:
    """Are the texts that `read` finds in the objects of the tree all different? In one walk, however many they are."""
    seen = set[str]()
    waiting: list[Any] = [node]
    while waiting:
        below = waiting.pop()
        if isinstance(below, dict):
            found = read(below)
            for text in found if isinstance(found, list) else (found,):
                if isinstance(text, str):
                    if text in seen:
                        return False
                    seen.add(text)
            below = below.values()
        waiting.extend(value for value in below if value.__class__ is dict or value.__class__ is list)
    return True


def _together(name: str, other: str) -> Test:
    """`name` only with `other`."""

    def test(node: Node, context: Context) -> bool:  # noqa: ARG001
        return not _has(node, name) or _has(node, other)

    return test


def _one_of(*names: str) -> Test:
    def test(node: Node, context: Context) -> bool:  # noqa: ARG001
        return any(_has(node, name) for name in names)

    return test


NATIVE: dict[str, Test] = {
    "ext-1": _ext_1,
    "ref-1": _ref_1,
    "dom-2": _dom_2,
    "dom-4": _dom_4,
    "dom-5": _dom_5,
    "obs-6": _obs_6,
    "obs-7": _obs_7,
    "per-1": _per_1,
    "mdd-1": _mdd_1,
    "rng-2": _rng_2,
    "que-2": _que_2,
    "csd-1": _csd_1,
    "qty-3": _together("code", "system"),
    "cpt-2": _together("value", "system"),
    "att-1": _together("data", "contentType"),
    "prr-1": _together("orderDetail", "code"),
    "tim-1": _together("duration", "durationUnit"),
    "tim-2": _together("period", "periodUnit"),
    "tim-6": _together("periodMax", "period"),
    "tim-7": _together("durationMax", "duration"),
    "tim-8": _together("countMax", "count"),
    "obs-3": _one_of("low", "high", "text"),
    "pat-1": _one_of("name", "telecom", "address", "organization"),
    "app-1": _one_of("type", "actor"),
    "con-1": _one_of("summary", "assessment"),
    "con-2": _one_of("code", "detail"),
    "org-1": _one_of("identifier", "name"),
}
