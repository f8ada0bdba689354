"""What every write checks before it touches the database: the body's type, id and validity."""

from __future__ import annotations

from typing import Any, cast

from kuska.fhir.domain.call import Call, Node
from kuska.fhir.domain.outcome import refused
from kuska.fhir.domain.rewriting import conditionals
from kuska.fhir.domain.subsetting import SUBSETTED
from kuska.fhir.domain.validation import validate
from kuska.fhir.usecases.preconditions import shown
from kuska.kit.errors import IncorrectError, Issue

# They may carry what is meant for another time or place: the references in them are not this record's to resolve.
_CARRIERS = frozenset({"Bundle", "Parameters"})


class InvalidError(IncorrectError):
    """Well-formed JSON that is no valid resource: 422, as the specification's "unprocessable entity"."""

    status = 422


def body_of(call: Call) -> Node:
    """The resource of a create or update, of the type that the URL names."""
    node = call.node
    if node is None:
        raise IncorrectError(Issue(code="required", message="interaction.no-body"))
    if node.get("resourceType") != call.type:
        raise wrong_type(node, call.type)
    if call.interaction in ("update", "conditional-update"):
        _whole(node)
    return node


def wrong_type(node: Node, wanted: str) -> IncorrectError:
    found = node.get("resourceType")
    key = "interaction.other-type" if isinstance(found, str) else "interaction.no-type"
    params = {"found": str(found)[:64], "type": wanted}
    return IncorrectError(Issue(code="invalid", message=key, params=params, expression="resourceType"))


def _whole(node: Node) -> None:
    """What a search answered in part (`_elements`, `_summary`) would take the rest away if it came back as an update."""
    meta: Any = node.get("meta")
    tags: Any = cast("Node", meta).get("tag") if isinstance(meta, dict) else None
    if not isinstance(tags, list):
        return
    for tag in cast("list[Any]", tags):
        known = cast("Node", tag) if isinstance(tag, dict) else {}
        if known.get("code") == SUBSETTED["code"] and known.get("system") == SUBSETTED["system"]:
            place = f"{node['resourceType']}.meta.tag"
            raise InvalidError(Issue(code="incomplete", message="interaction.subsetted", expression=place))


def checked(node: Node) -> tuple[Issue, ...]:
    """Refuses an invalid resource with everything that is wrong; the warnings of a valid one."""
    issues = tuple(validate(node))
    if issues and refused(issues):
        raise InvalidError(*issues)
    if node["resourceType"] not in _CARRIERS and (left := conditionals(node)):
        raise InvalidError(*(_unresolved(place, *wanted) for place, wanted in left))
    return issues


def _unresolved(place: str, type_: str, query: str) -> Issue:
    params = {"type": type_, "criteria": shown(query)}
    return Issue(code="not-supported", message="interaction.conditional-reference", params=params, expression=place)


def same_id(call: Call, node: Node) -> None:
    """https://hl7.org/fhir/R4/http.html#update: the body has the id of the URL, else 400."""
    found = node.get("id")
    if found != call.id:
        if found is None:
            key = "interaction.id-missing"
        else:
            key = "interaction.id-differs" if isinstance(found, str) else "interaction.id-not-text"
        params = {"found": str(found)[:64], "id": call.id}
        raise IncorrectError(Issue(code="value", message=key, params=params, expression=f"{call.type}.id"))
