"""HL7's validator cases (R4, JSON, base specification): the same verdict for the same reason.

A case passes when the resource is accepted or refused as expected and, where it is refused, at least one of our errors
is at (or just above or below) the place of an expected one, or both refuse the JSON itself. Issues that came from a
terminology server are left out of the expectation. The suite runs with upstream's own strictness: it refuses
extensions that nobody knows, which the product does only on request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.validation import Policy, validate
from kuska.kit.errors import Issue, KuskaError
from kuska.kit.json import Node, decode, without_comments

_COMMENT = re.compile(r"/\*.*?\*/")
_TX = re.compile(r"Wrong Display Name|Wrong whitespace in Display|Unknown code '\d+' in the CodeSystem")


@pytest.mark.requirement("HC-01")
def test_validation(corpus: Path, ledger: Callable[[str, float], Any]) -> None:
    folder = corpus / "fhir-validation-r4"
    results = ledger("validation", 0.95)
    for case in json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["cases"]:
        problem = _problem(case, folder)
        if problem is None:
            results.passed()
        else:
            results.failed(case["name"], problem)
    results.close()


def _problem(case: dict[str, Any], folder: Path) -> str | None:
    options = case.get("options") or {}
    expected = _expected(case, folder)
    found = [issue for issue in _validated(folder / case["file"], options) if issue.severity in ("error", "fatal")]
    if bool(found) != bool(expected):
        first = f": {found[0].message} at {found[0].expression}" if found else ""
        return f"{'refused' if found else 'accepted'} instead of {'refused' if expected else 'accepted'}{first}"
    if found and not any(_same_reason(issue, other) for issue in found for other in expected):
        return f"refused for another reason: {found[0].message} at {found[0].expression}"
    return None


def _validated(path: Path, options: dict[str, Any]) -> list[Issue]:
    raw = path.read_bytes()
    try:
        node = decode(without_comments(raw) if options.get("allow-comments") else raw)
    except KuskaError as error:
        return list(error.issues)
    domain = options.get("allowed-extension-domain")
    policy = Policy(
        known_extensions_only=True,
        extension_domains=(domain,) if domain else (),
        example_urls=options.get("examples", True),
        html_in_markdown=not options.get("noHtmlInMarkdown", False),
        resolve=_resolver(node) if options.get("validateReference") == "CHECK_EXISTS_AND_TYPE" else None,
    )
    return validate(node, policy=policy)


def _resolver(node: Node) -> Callable[[str], str | None]:
    """What upstream's runner knows: the resources in the document and the definitions of the standard."""
    resources = {f"{r['resourceType']}/{r.get('id')}": r["resourceType"] for r in _resources(node)}

    def resolve(reference: str) -> str | None:
        if reference in definitions().value_sets or reference.startswith("http://hl7.org/fhir/ValueSet/"):
            return "ValueSet"
        return "" if ":" in reference else resources.get(reference)

    return resolve


def _resources(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [found for item in value for found in _resources(item)]
    if not isinstance(value, dict):
        return []
    own = [value] if "resourceType" in value else []
    return own + [found for child in value.values() for found in _resources(child)]


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
    if issue.message == "validation.no-resource-type":
        return "resourceType" in _text(expected)
    if expected["code"] == "exception":  # upstream's snapshot generator gave up; it names only the resource
        return any(issue.expression.startswith(place) for place in places)
    return any(_near(issue.expression, place) for place in places)


def _near(ours: str, theirs: str) -> bool:
    """The same element, its parent or its child: validators differ in which of them they name."""
    longer, shorter = sorted((ours, theirs), key=len, reverse=True)
    return longer.startswith(shorter) and longer[len(shorter) :].count(".") <= 1
