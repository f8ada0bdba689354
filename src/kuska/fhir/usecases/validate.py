"""$validate: would this body be accepted? Nothing is written. https://hl7.org/fhir/R4/resource-operation-validate.html

Modes: create and update check the resource (update on an instance also that the id fits), delete whether there is
something to delete. Profiles other than the base are not known here: naming one is answered with an error, not with a
validation that did not happen. Without `check` it says what a write would say; with it more (strictly.py).
"""

from __future__ import annotations

from typing import Any, cast

from kuska.fhir.domain.call import Call, Node
from kuska.fhir.domain.outcome import outcome
from kuska.fhir.domain.query import pairs
from kuska.fhir.domain.validation import validate
from kuska.fhir.usecases import strictly
from kuska.fhir.usecases.answers import missing
from kuska.fhir.usecases.checking import same_id, wrong_type
from kuska.fhir.usecases.record import Answer, Record
from kuska.kit.errors import IncorrectError, Issue
from kuska.kit.json import decode, encode

_MODES = ("create", "update", "delete")
_BASE = "http://hl7.org/fhir/StructureDefinition/"


async def perform(record: Record, call: Call) -> Answer:
    resource, mode, profile = _arguments(call)
    if mode not in (None, *_MODES):
        params = {"name": "mode", "value": mode[:40], "allowed": ", ".join(_MODES)}
        raise IncorrectError(Issue(code="value", message="interaction.bad-value", params=params))
    if mode == "delete" or resource is None:
        issues = await _deletable(record, call, mode)
    else:
        _check_profile(profile, resource)
        issues = tuple(await strictly.issues(record, resource, strictly.asked(call, _parameters(call))))
        issues += _identity(call, resource, mode)
    if not issues:
        issues = (Issue(severity="information", code="informational", message="interaction.valid"),)
    return Answer(200, encode(outcome(issues, call.lang)))


def _arguments(call: Call) -> tuple[Node | None, str | None, str | None]:
    """(resource, mode, profile) from the query and the body: a Parameters resource, or the resource itself."""
    query = dict(pairs(call.query))
    resource, mode, profile = call.node, query.get("mode"), query.get("profile")
    if named := {item.get("name"): item for item in _parameters(call)}:
        resource = named.get("resource", {}).get("resource")
        mode = named.get("mode", {}).get("valueCode", mode)
        profile = named.get("profile", {}).get("valueUri", named.get("profile", {}).get("valueCanonical", profile))
    if resource is not None and call.type and resource.get("resourceType") != call.type:
        raise wrong_type(resource, call.type)
    return resource, mode, profile


def _parameters(call: Call) -> list[Node]:
    node = call.node
    if node is None or node.get("resourceType") != "Parameters" or call.type == "Parameters":
        return []
    given = node.get("parameter")
    return [item for item in cast("list[Any]", given) if isinstance(item, dict)] if isinstance(given, list) else []


def _check_profile(profile: str | None, resource: Node) -> None:
    if profile is not None and profile != f"{_BASE}{resource.get('resourceType')}":
        raise IncorrectError(
            Issue(code="not-supported", message="interaction.unknown-profile", params={"profile": profile[:200]})
        )


def _identity(call: Call, resource: Node, mode: str | None) -> tuple[Issue, ...]:
    if mode == "update" and call.id:
        try:
            same_id(call, resource)
        except IncorrectError as error:
            return error.issues
    return ()


async def _deletable(record: Record, call: Call, mode: str | None) -> tuple[Issue, ...]:
    if mode != "delete" and not call.id:
        raise IncorrectError(Issue(code="required", message="interaction.no-body"))
    if not call.id:
        return ()
    async with record.db.read() as conn:
        stored = await record.records.read(conn, call.type, call.id)
    if stored is None or stored.deleted:
        raise missing(call.type, call.id)
    return () if mode == "delete" else tuple(validate(decode(stored.body)))
