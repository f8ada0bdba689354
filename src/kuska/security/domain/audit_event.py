"""An event of the trail as a FHIR R4 AuditEvent. https://hl7.org/fhir/R4/auditevent.html

Codes are DICOM's where DICOM has one, those of the restful interactions for the record, and our own for the rest.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kuska.security.contracts import Caller, Event

_HL7 = "http://terminology.hl7.org/CodeSystem/"
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_REST = "http://hl7.org/fhir/restful-interaction"
_OWN = "urn:kuska:audit"
ACCOUNT = "urn:kuska:account"
CLIENT = "urn:kuska:client"
ROLE = "urn:kuska:role"

Node = dict[str, Any]
_REFERENCE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}(/_history/[A-Za-z0-9.-]{1,64})?")

# kind -> AuditEvent.type
_TYPES: Mapping[str, tuple[str, str, str]] = {
    "rest": (f"{_HL7}audit-event-type", "rest", "RESTful Operation"),
    "login": (_DICOM, "110114", "User Authentication"),
    "logout": (_DICOM, "110114", "User Authentication"),
    "factor": (_DICOM, "110114", "User Authentication"),
    "token": (_DICOM, "110114", "User Authentication"),
    "export": (_DICOM, "110106", "Export"),
    "audit": (_DICOM, "110101", "Audit Log Used"),
    "retention": (_DICOM, "110100", "Application Activity"),
}
_ALERT = (_DICOM, "110113", "Security Alert")  # all that changes what security is

# kind -> AuditEvent.subtype, before the one that says what exactly
_SUBTYPES: Mapping[str, tuple[str, str, str]] = {
    "login": (_DICOM, "110122", "Login"),
    "logout": (_DICOM, "110123", "Logout"),
    "break-glass": (_DICOM, "110127", "Emergency Override Started"),
    "role": (_DICOM, "110136", "Security Roles Changed"),
    "account": (_DICOM, "110137", "User Security Attributes Changed"),
    "factor": (_DICOM, "110137", "User Security Attributes Changed"),
    "key": (_DICOM, "110129", "Security Configuration"),
    "client": (_DICOM, "110129", "Security Configuration"),
}
_INTERACTIONS = frozenset(
    {
        "read", "vread", "update", "patch", "delete", "history", "history-instance", "history-type", "history-system",
        "create", "search", "search-type", "search-system", "capabilities", "transaction", "batch", "operation",
    }
)  # fmt: skip


def audit_event(event: Event, site: str = "") -> Node:
    """`site`: the organisation whose trail it is."""
    node: Node = {"resourceType": "AuditEvent", "id": event.id, "type": _type(event.kind)}
    if subtypes := _subtypes(event):
        node["subtype"] = subtypes
    node["action"] = event.action
    node["recorded"] = instant(event.at)
    node["outcome"] = event.outcome
    if reason := _plain(event.reason):
        node["outcomeDesc"] = reason
    if event.purpose:
        node["purposeOfEvent"] = [_purpose(event.purpose)]
    node["agent"] = _agents(event)
    node["source"] = {
        **({"site": site} if site else {}),
        "observer": {"display": "Kuska"},
        "type": [{"system": f"{_HL7}security-source-type", "code": "4", "display": "Application Server"}],
    }
    if entities := _entities(event):
        node["entity"] = entities
    return node


def instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(text: str) -> str:
    """As FHIR takes it: something to be seen, no control characters. Clients sent some of it."""
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(text.split())


def _type(kind: str) -> Node:
    system, code, display = _TYPES.get(kind, _ALERT)
    return {"system": system, "code": code, "display": display}


def _subtypes(event: Event) -> list[Node]:
    subtypes: list[Node] = []
    if event.kind in _SUBTYPES:
        system, code, display = _SUBTYPES[event.kind]
        subtypes.append({"system": system, "code": code, "display": display})
    if event.kind == "rest" and event.interaction in _INTERACTIONS:
        subtypes.append({"system": _REST, "code": event.interaction})
    elif said := _plain(event.interaction) or ("" if event.kind in _TYPES else event.kind):
        subtypes.append({"system": _OWN, "code": said})
    return subtypes


def _purpose(code: str) -> Node:
    return {"coding": [{"system": f"{_HL7}v3-ActReason", "code": code}]}


def _agents(event: Event) -> list[Node]:
    caller = event.caller
    who: Node = {}
    if caller.practitioner:
        who["reference"] = f"Practitioner/{caller.practitioner}"
    elif caller.kind == "person" and caller.patient and "patient" in caller.roles:
        who["reference"] = f"Patient/{caller.patient}"
    if account := _plain(caller.account):
        who["identifier"] = {"system": ACCOUNT, "value": account}
    agent: Node = {"type": _kind_of_agent(caller)}
    if caller.roles:
        agent["role"] = [{"coding": [{"system": ROLE, "code": role}]} for role in caller.roles]
    if who:
        agent["who"] = who
    agent["requestor"] = True
    if address := _plain(caller.address):
        agent["network"] = {"address": address, "type": "2"}
    if event.purpose:
        agent["purposeOfUse"] = [_purpose(event.purpose)]
    agents = [agent]
    if caller.client:
        agents.append(
            {
                "type": {"coding": [{"system": _DICOM, "code": "110150", "display": "Application"}]},
                "who": {"identifier": {"system": CLIENT, "value": caller.client}},
                "requestor": False,
            }
        )
    return agents


def _kind_of_agent(caller: Caller) -> Node:
    # HL7's list of kinds has people and nothing else of use here.
    if caller.kind == "person":
        return {"coding": [{"system": f"{_HL7}extra-security-role-type", "code": "humanuser", "display": "human user"}]}
    return {"coding": [{"system": f"{_OWN}-agent", "code": caller.kind}]}


def _entities(event: Event) -> list[Node]:
    patients = [f"Patient/{patient}" for patient in event.patients]
    entities = [_entity({"reference": patient}, "1", "1") for patient in patients]
    for entity in event.entities:
        if entity in patients or not _plain(entity):
            continue
        known = _REFERENCE.fullmatch(entity)
        entities.append(
            _entity(
                {"reference": entity} if known else {"identifier": {"system": _OWN, "value": _plain(entity)}}, "2", "4"
            )
        )
    if event.query:
        query = b64encode(event.query.encode("utf-8", "replace")).decode("ascii")
        entities.append(_entity(None, "2", "24") | {"query": query})
    said = [*event.detail]
    for name, value in (
        ("request", event.request),
        ("session", event.caller.session),
        ("methods", " ".join(event.caller.methods)),
        ("organization", event.caller.organization),
        ("tenant", event.caller.tenant),
        ("country", event.caller.country),
    ):
        if value:
            said.append((name, value))
    detail = [{"type": _plain(name) or "?", "valueString": plain} for name, text in said if (plain := _plain(text))]
    if detail:
        entities.append(_entity(None, "4", None) | {"name": "detail", "detail": detail})
    return entities


def _entity(what: Node | None, type_: str, role: str | None) -> Node:
    node: Node = {} if what is None else {"what": what}
    node["type"] = {"system": f"{_HL7}audit-entity-type", "code": type_}
    if role is not None:
        node["role"] = {"system": f"{_HL7}object-role", "code": role}
    return node
