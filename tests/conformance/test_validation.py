"""HL7's validator cases (R4, JSON, base specification), sent to `$validate`: the same verdict for the same reason.

A case passes when the resource is accepted or refused as expected and, where it is refused, at least one of our errors
is at (or just above or below) the place of an expected one, or both refuse the JSON itself. Issues that came from a
terminology server are left out of the expectation.

Twice: as a write would judge (no parameters), and as strictly as upstream does, which refuses extensions that nobody
knows and, in some cases, is asked for more: `check` and `extension-domain` say so (usecases/strictly.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from kuska.fhir.api import open_record
from kuska.fhir.routes import FhirApp, OpenDoor
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SystemClock
from kuska.kit.errors import Issue, KuskaError
from kuska.kit.json import decode, without_comments

_COMMENT = re.compile(r"/\*.*?\*/")
_TX = re.compile(r"Wrong Display Name|Wrong whitespace in Display|Unknown code '\d+' in the CodeSystem")
Query = list[tuple[str, str]]


@pytest.fixture
async def client(fresh_db: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = FhirApp(await open_record(fresh_db), OpenDoor(SystemClock()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost/fhir/") as opened:
        yield opened


@pytest.mark.requirement("HC-01")
@pytest.mark.parametrize(("suite", "target"), [("validation-strict", 0.95), ("validation-writes", 0.88)])
async def test_validation(
    corpus: Path, ledger: Callable[[str, float], Any], client: httpx.AsyncClient, suite: str, target: float
) -> None:
    folder = corpus / "fhir-validation-r4"
    results = ledger(suite, target)
    for case in json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["cases"]:
        query = _asked(case.get("options") or {}) if suite == "validation-strict" else []
        problem = _problem(case, folder, await _validated(client, case, folder, query))
        if problem is None:
            results.passed()
        else:
            results.failed(case["name"], problem)
    results.close()


def _asked(options: dict[str, Any]) -> Query:
    """Upstream's settings of a case, in our words."""
    checks = {
        "extensions": True,
        "example-urls": options.get("examples") is False,
        "markdown": options.get("noHtmlInMarkdown", False),
        "references": options.get("validateReference") == "CHECK_EXISTS_AND_TYPE",
    }
    domain = options.get("allowed-extension-domain")
    return [("check", name) for name, wanted in checks.items() if wanted] + (
        [("extension-domain", domain)] if domain else []
    )


async def _validated(client: httpx.AsyncClient, case: dict[str, Any], folder: Path, query: Query) -> list[Issue]:
    raw = (folder / case["file"]).read_bytes()
    if (case.get("options") or {}).get("allow-comments"):  # of upstream's reader; FHIR's JSON has none
        raw = without_comments(raw)
    answer = await client.post(
        f"{_type(raw)}/$validate", params=query, content=raw, headers={"content-type": "application/fhir+json"}
    )
    assert answer.json()["resourceType"] == "OperationOutcome", case["name"]
    return [_issue(one) for one in answer.json()["issue"]]


def _type(raw: bytes) -> str:
    """What the URL names; where the body does not say it, any type will do."""
    try:
        found = decode(raw).get("resourceType")
    except KuskaError:
        return "Patient"
    return found if isinstance(found, str) and found.isalpha() else "Patient"


def _issue(node: dict[str, Any]) -> Issue:
    key = node["details"]["coding"][0]["code"]
    return Issue(
        severity=node["severity"], code=node["code"], message=key, expression=(node.get("expression") or [""])[0]
    )


def _problem(case: dict[str, Any], folder: Path, issues: list[Issue]) -> str | None:
    expected = _expected(case, folder)
    found = [issue for issue in issues if issue.severity in ("error", "fatal")]
    if bool(found) != bool(expected):
        first = f": {found[0].message} at {found[0].expression}" if found else ""
        return f"{'refused' if found else 'accepted'} instead of {'refused' if expected else 'accepted'}{first}"
    if found and not any(_same_reason(issue, other) for issue in found for other in expected):
        return f"refused for another reason: {found[0].message} at {found[0].expression}"
    return None


def _expected(case: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """The errors of the reference validator that need no terminology server."""
    if case["expected"]["outcome"] == "valid":
        return []
    outcome = json.loads((folder / case["outcome_file"]).read_text(encoding="utf-8"))
    errors = [issue for issue in outcome["issue"] if issue["severity"] in ("error", "fatal")]
    left_out = case["expected"].get("from_terminology_server") or {}
    own = [issue for issue in errors if not _TX.match(_text(issue))]
    assert len(errors) - len(own) == (left_out.get("error") or 0), case["name"]
    return own


def _text(issue: dict[str, Any]) -> str:
    return issue.get("details", {}).get("text") or issue.get("diagnostics") or ""


def _same_reason(issue: Issue, expected: dict[str, Any]) -> bool:
    places = [_COMMENT.sub("", place) for place in expected.get("expression") or []]
    if issue.message.startswith("json."):  # the text itself: nobody gets as far as the elements
        return expected["code"] in ("invalid", "structure")
    if issue.message == "interaction.no-type":
        return "resourceType" in _text(expected)
    if expected["code"] == "exception":  # upstream's snapshot generator gave up; it names only the resource
        return any(issue.expression.startswith(place) for place in places)
    return any(_near(issue.expression, place) for place in places)


def _near(ours: str, theirs: str) -> bool:
    """The same element, its parent or its child: validators differ in which of them they name."""
    longer, shorter = sorted((ours, theirs), key=len, reverse=True)
    return longer.startswith(shorter) and longer[len(shorter) :].count(".") <= 1
