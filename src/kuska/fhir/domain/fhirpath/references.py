"""Where a reference leads: a contained resource, an entry of the same bundle, or what the caller can find.

https://hl7.org/fhir/R4/bundle.html#references
"""

from __future__ import annotations

from kuska.fhir.domain.fhirpath.scope import Evaluation
from kuska.fhir.domain.fhirpath.values import Item, TypedNode, members, root_node


def resolved(item: Item, evaluation: Evaluation) -> TypedNode | None:
    text = item.fields.get("reference") if isinstance(item, TypedNode) and item.raw.__class__ is dict else None
    if text is None:
        text = item.raw if isinstance(item, TypedNode) else item
    if not isinstance(text, str) or not text:
        return None
    if text.startswith("#"):
        return _contained(item, text[1:], evaluation)
    found = _in_bundle(item, text, evaluation)
    if found is not None:
        return found
    fetched = None if evaluation.resolve is None else evaluation.resolve(text)
    return None if fetched is None else root_node(fetched)


def _contained(item: Item, name: str, evaluation: Evaluation) -> TypedNode | None:
    node = item.resource if isinstance(item, TypedNode) else evaluation.root_node
    if node is not None and node.key == "contained" and node.parent is not None:
        node = node.parent
    if node is None or node.raw is None:
        return None
    if not node.fields.get("contained") and evaluation.root_node is not None:
        node = evaluation.root_node
    if not name:
        return node
    return next((inner for inner in members(node, "contained") if inner.fields.get("id") == name), None)


def _in_bundle(item: Item, text: str, evaluation: Evaluation) -> TypedNode | None:
    node = item if isinstance(item, TypedNode) else evaluation.root_node
    base = ""
    while node is not None and node.type != "Bundle":
        if node.type == "Bundle.entry" and not base:
            full = node.fields.get("fullUrl")
            base = full if isinstance(full, str) else ""
        node = node.parent
    if node is None:
        return None
    wanted = text.partition("/_history/")[0]
    absolute = wanted if ":" in wanted else _joined(base, wanted)
    for entry in members(node, "entry"):
        full = entry.fields.get("fullUrl")
        inner = entry.fields.get("resource")
        local = isinstance(inner, dict) and f"{inner.get('resourceType')}/{inner.get('id')}" == wanted
        if full in (absolute, wanted) or (local and (full is None or not base)):
            return next(iter(members(entry, "resource")), None)
    return None


def _joined(base: str, relative: str) -> str:
    """A relative reference from inside an entry, on the server that the entry's own address names."""
    parts = base.rsplit("/", 2)
    return f"{parts[0]}/{relative}" if len(parts) == 3 and "://" in base else relative
