"""Events of the trail, as AuditEvents that the record's own validator accepts without a warning."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.fhir.domain.validation import validate
from kuska.kit.json import decode, encode
from kuska.security.api import Caller, Event, audit_event

pytestmark = pytest.mark.requirement("HC-09")

PERSON = Caller(
    kind="person",
    account="0190-a",
    client="app-1",
    session="s1",
    roles=("physician", "auditor"),
    practitioner="pr1",
    organization="o1",
    tenant="demo",
    country="PE",
    address="2001:db8::1",
    methods=("pwd", "otp"),
)
READ = Event(
    id="01a1feac-fd54-7e3f-8b67-91ccc6dbc086",
    at=datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=-5))),
    action="R",
    kind="rest",
    interaction="search-type",
    caller=PERSON,
    purpose="TREAT",
    request="req-1",
    entities=("Patient/p1", "Observation/1", "role:physician"),
    patients=("p1", "p2"),
    query="code=1234-5&patient=p1",
)
KINDS = [
    "rest", "login", "logout", "factor", "token", "account", "role", "break-glass", "export", "key", "client",
    "pseudonym", "retention", "audit", "door", "consent", "external", "new kind",
]  # fmt: skip


@pytest.mark.requirement("LW-31")
def test_who_what_whose_when_from_where_why_and_the_outcome() -> None:
    node = audit_event(READ, site="demo")
    assert validate(node) == []
    assert node["id"] == READ.id
    assert node["type"]["code"] == "rest"
    assert [each["code"] for each in node["subtype"]] == ["search-type"]
    assert node["action"] == "R"
    assert node["recorded"] == "2026-11-21T17:30:15.123Z"
    assert node["outcome"] == "0"
    assert node["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"
    person, application = node["agent"]
    assert person["requestor"] is True
    assert person["who"]["reference"] == "Practitioner/pr1"
    assert person["who"]["identifier"]["value"] == "0190-a"
    assert [role["coding"][0]["code"] for role in person["role"]] == ["physician", "auditor"]
    assert person["network"] == {"address": "2001:db8::1", "type": "2"}
    assert application["who"]["identifier"]["value"] == "app-1"
    what = [entity.get("what", {}) for entity in node["entity"]]
    assert [each.get("reference") for each in what[:3]] == ["Patient/p1", "Patient/p2", "Observation/1"]
    assert what[3]["identifier"]["value"] == "role:physician"
    assert b64decode(node["entity"][4]["query"]) == READ.query.encode()
    assert {"type": "request", "valueString": "req-1"} in node["entity"][5]["detail"]
    assert node["source"]["site"] == "demo"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outcome", ["0", "4", "8", "12"])
def test_every_kind_is_valid(kind: str, outcome: Any) -> None:
    event = replace(READ, kind=kind, interaction="some thing", outcome=outcome, reason="security.scope")
    assert validate(audit_event(event)) == []
    bare = Event(id=READ.id, at=READ.at, action="E", kind=kind, outcome=outcome)
    assert validate(audit_event(bare)) == []


@pytest.mark.parametrize("kind", ["person", "service", "partner", "system", "anonymous"])
def test_every_kind_of_caller_is_valid(kind: Any) -> None:
    caller = Caller(kind=kind, account="a", roles=("patient",), patient="p1")
    node = audit_event(replace(READ, caller=caller))
    assert validate(node) == []
    assert (node["agent"][0]["who"].get("reference") == "Patient/p1") == (kind == "person")


TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
NAMES = ("query", "reason", "address", "account", "interaction", "request")


@given(
    texts=st.fixed_dictionaries(dict.fromkeys(NAMES, TEXT)),
    entities=st.lists(TEXT, max_size=3),
    detail=st.lists(st.tuples(TEXT, TEXT), max_size=2),
)
def test_whatever_clients_sent_the_resource_is_json_that_validates(
    texts: dict[str, str], entities: list[str], detail: list[tuple[str, str]]
) -> None:
    caller = Caller(kind="anonymous", address=texts.pop("address"), account=texts.pop("account"))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    made: dict[str, Any] = {"id": READ.id, "at": moment, "action": "R", "kind": "rest", "caller": caller, **texts}
    node = decode(encode(audit_event(Event(**made, entities=tuple(entities), detail=tuple(detail)))))
    assert [each for each in validate(node) if each.severity in {"error", "fatal"}] == []
