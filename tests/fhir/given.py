"""Resources that tests write, and what they look for in answers."""

from __future__ import annotations

import secrets
from typing import Any

import httpx

Node = dict[str, Any]
SYSTEM = "https://example.org/ids"


def key() -> str:
    """An identifier or id that no other test has: the database is shared."""
    return secrets.token_hex(8)


def patient(**members: Any) -> Node:
    return {
        "resourceType": "Patient",
        "active": True,
        "name": [{"family": "Huamán", "given": ["Rosa"]}],
        "gender": "female",
        **members,
    }


def identified(value: str, **members: Any) -> Node:
    return patient(identifier=[{"system": SYSTEM, "value": value}], **members)


def observation(subject: str, value: float = 5.4, **members: Any) -> Node:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
        "subject": {"reference": subject},
        "effectiveDateTime": "2026-03-04T10:00:00-05:00",
        "valueQuantity": {"value": value, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
        **members,
    }


def entry(method: str, url: str, resource: Node | None = None, full_url: str = "", **request: str) -> Node:
    found: Node = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        found["resource"] = resource
    if full_url:
        found["fullUrl"] = full_url
    return found


def bundle(kind: str, *entries: Node) -> Node:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def is_outcome(response: httpx.Response, status: int, key: str = "", expression: str = "") -> Node:
    """An OperationOutcome of this status; the issue with this message key when one is named."""
    assert response.status_code == status, response.text
    body = response.json()
    assert body["resourceType"] == "OperationOutcome"
    assert response.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert body["issue"]
    if not key:
        return body["issue"][0]
    found = [issue for issue in body["issue"] if issue["details"]["coding"][0]["code"] == key]
    assert found, body
    if expression:
        assert [issue for issue in found if issue.get("expression") == [expression]], found
    return found[0]
