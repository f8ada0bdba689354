"""JSON Patch, RFC 6902: https://www.rfc-editor.org/rfc/rfc6902

The document given is never changed; a failing operation leaves nothing half done. What copies can make of a document
is bounded in size and depth: forty of them, each of the whole, would else fill any memory.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, cast

from kuska.fhir.domain.patch.errors import PatchError
from kuska.kit.json import Node

_MISSING = object()
MAX_DEPTH = 100
MAX_OPERATIONS = 1000
MAX_COPIED = 200_000  # values that the copies of one patch may add


class _Budget:
    """What is left to copy."""

    def __init__(self) -> None:
        self._values = MAX_COPIED

    def copied(self, value: Any, path: list[str], place: int) -> Any:
        """A copy that may be put at the path."""
        level: list[Any] = [value]
        depth = len(path)
        while level:
            depth += 1
            self._values -= len(level)
            if self._values < 0 or depth > MAX_DEPTH:
                raise PatchError("too-large", place)
            level = [
                inner
                for outer in level
                if isinstance(outer, dict | list)
                for inner in cast("list[Any]", list(outer.values()) if isinstance(outer, dict) else outer)
            ]
        return deepcopy(value)


def apply_json_patch(node: Node, operations: object) -> Node:
    if not isinstance(operations, list):
        raise PatchError("not-a-list", -1)
    if len(cast("list[object]", operations)) > MAX_OPERATIONS:
        raise PatchError("too-many-operations", MAX_OPERATIONS, limit=MAX_OPERATIONS)
    document: Any = deepcopy(node)
    budget = _Budget()
    for place, operation in enumerate(cast("list[object]", operations)):
        document = _apply(document, operation, place, budget)
    if not isinstance(document, dict):
        raise PatchError("not-a-resource", len(cast("list[object]", operations)) - 1)
    return cast("Node", document)


def _apply(document: Any, operation: object, place: int, budget: _Budget) -> Any:
    if not isinstance(operation, dict):
        raise PatchError("not-an-operation", place)
    fields = cast("dict[str, Any]", operation)
    path = _pointer(fields, "path", place)
    match fields.get("op"):
        case "add":
            return _add(document, path, budget.copied(_value(fields, place), path, place), place)
        case "remove":
            return _remove(document, path, place)[0]
        case "replace":
            value = budget.copied(_value(fields, place), path, place)
            if not path:
                return value
            document, _ = _remove(document, path, place)
            return _add(document, path, value, place)
        case "move":
            source = _pointer(fields, "from", place)
            if path[: len(source)] == source and path != source:
                raise PatchError("move-into-itself", place)
            document, value = _remove(document, source, place)
            return _add(document, path, budget.copied(value, path, place), place)
        case "copy":
            value = _read(document, _pointer(fields, "from", place), place)
            return _add(document, path, budget.copied(value, path, place), place)
        case "test":
            if not _same(_read(document, path, place), _value(fields, place)):
                raise PatchError("test-failed", place, path=fields["path"])
            return document
        case _:
            raise PatchError("unknown-operation", place)


def _value(fields: dict[str, Any], place: int) -> Any:
    if "value" not in fields:
        raise PatchError("no-value", place)
    return fields["value"]


def _pointer(fields: dict[str, Any], name: str, place: int) -> list[str]:
    text = fields.get(name)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise PatchError("bad-pointer", place, name=name)
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _read(document: Any, path: list[str], place: int) -> Any:
    for part in path:
        if isinstance(document, list):
            items = cast("list[Any]", document)
            document = items[_index(part, len(items) - 1, place)]
        else:
            document = cast("dict[str, Any]", document).get(part, _MISSING) if isinstance(document, dict) else _MISSING
            if document is _MISSING:
                raise PatchError("no-such-place", place, part=part)
    return document


def _add(document: Any, path: list[str], value: Any, place: int) -> Any:
    if not path:
        return value
    parent, last = _read(document, path[:-1], place), path[-1]
    if isinstance(parent, list):
        items = cast("list[Any]", parent)
        items.insert(len(items) if last == "-" else _index(last, len(items), place), value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise PatchError("no-such-place", place, part=last)
    return document


def _remove(document: Any, path: list[str], place: int) -> tuple[Any, Any]:
    if not path:
        return None, document
    parent, last = _read(document, path[:-1], place), path[-1]
    if isinstance(parent, list):
        items = cast("list[Any]", parent)
        return document, items.pop(_index(last, len(items) - 1, place))
    if not isinstance(parent, dict) or last not in parent:
        raise PatchError("no-such-place", place, part=last)
    return document, cast("dict[str, Any]", parent).pop(last)


def _index(part: str, highest: int, place: int) -> int:
    if (
        not (part.isascii() and part.isdigit())
        or (len(part) > 1 and part[0] == "0")
        or len(part) > 9
        or int(part) > highest
    ):
        raise PatchError("no-such-place", place, part=part)
    return int(part)


def _same(left: Any, right: Any) -> bool:
    """Equal as JSON: numbers by value, true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        ours, theirs = cast("dict[str, Any]", left), cast("dict[str, Any]", right)
        return ours.keys() == theirs.keys() and all(_same(ours[name], theirs[name]) for name in ours)
    if isinstance(left, list) and isinstance(right, list):
        first, second = cast("list[Any]", left), cast("list[Any]", right)
        return len(first) == len(second) and all(_same(a, b) for a, b in zip(first, second, strict=True))
    return left == right
