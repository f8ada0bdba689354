"""OperationOutcome from issues, and the one table from error families to HTTP status.

https://hl7.org/fhir/R4/operationoutcome.html · https://hl7.org/fhir/R4/http.html#Status-Codes
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from kuska.kit.errors import Family, Issue, KuskaError
from kuska.kit.messages import render

STATUS: dict[Family, int] = {
    Family.INCORRECT: 400,
    Family.UNAUTHENTICATED: 401,
    Family.FORBIDDEN: 403,
    Family.NOT_FOUND: 404,
    Family.CONFLICT: 409,
    Family.UNSUPPORTED: 400,
    Family.BUSY: 429,
    Family.FAULT: 500,
    Family.UNAVAILABLE: 503,
}

# Where the messages' keys come from, for clients that want to tell them apart without reading text.
MESSAGE_SYSTEM = "urn:kuska:message"

_FALLBACK: dict[Family, str] = {
    Family.INCORRECT: "invalid",
    Family.UNAUTHENTICATED: "login",
    Family.FORBIDDEN: "forbidden",
    Family.NOT_FOUND: "not-found",
    Family.CONFLICT: "conflict",
    Family.UNSUPPORTED: "not-supported",
    Family.BUSY: "throttled",
    Family.FAULT: "exception",
    Family.UNAVAILABLE: "transient",
}


def status_of(error: KuskaError) -> int:
    return error.status or STATUS[error.family]


def issues_of(error: KuskaError) -> tuple[Issue, ...]:
    """The error's issues; one that says only the family when whoever raised it gave none."""
    if error.issues:
        return error.issues
    return (Issue(code=_FALLBACK[error.family], message=f"interaction.family.{error.family.value}"),)


def outcome(issues: Iterable[Issue], lang: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue, lang) for issue in issues]}


def _issue(issue: Issue, lang: str) -> dict[str, Any]:
    text = render(issue, lang)
    shown: dict[str, Any] = {
        "severity": issue.severity,
        "code": issue.code,
        "details": {"coding": [{"system": MESSAGE_SYSTEM, "code": issue.message}], "text": text},
        # The same text again: the clients people use show one or the other.
        "diagnostics": text,
    }
    if issue.expression:
        shown["expression"] = [issue.expression]
    return shown


def under(issues: Iterable[Issue], place: str) -> tuple[Issue, ...]:
    """The issues of a part, named from the whole: 'Patient.name' at 'Bundle.entry[3].resource'."""
    return tuple(replace(issue, expression=_joined(place, issue.expression)) for issue in issues)


def _joined(place: str, expression: str) -> str:
    _, dot, rest = expression.partition(".")
    return f"{place}.{rest}" if dot else place


def refused(issues: Iterable[Issue]) -> bool:
    """Is there one among them that forbids to go on?"""
    return any(issue.severity in ("error", "fatal") for issue in issues)
