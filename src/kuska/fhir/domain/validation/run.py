"""`validate`: all issues of one resource."""

from __future__ import annotations

from functools import cache

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.validation.compiler import Compiler, report_bad_type
from kuska.fhir.domain.validation.context import Context, TooManyIssues
from kuska.fhir.domain.validation.policy import DEFAULT_POLICY, Policy
from kuska.kit.errors import Issue
from kuska.kit.json import Node


@cache
def _compiler(*, thorough: bool) -> Compiler:
    return Compiler(definitions(), thorough=thorough)


def validate(node: Node, type_: str | None = None, policy: Policy = DEFAULT_POLICY) -> list[Issue]:
    """The issues of `node`, errors and warnings, in the order of the document; none = good.

    With `type_` the resource must also be of that type (the URL said so).
    """
    issues: list[Issue] = []
    compiler = _compiler(thorough=policy.thorough)
    found = node.get("resourceType")
    context = Context(node, str(found), node, policy, issues)
    try:
        if not compiler.is_resource_type(found):
            report_bad_type(found, "", context, compiler.definitions)
            return issues
        if type_ is not None and found != type_:
            context.error(found, "structure", "other-type-expected", expected=type_, found=found)
            return issues
        compiler.check(found)(node, found, context)
    except TooManyIssues:
        issues.append(
            Issue(
                severity="error",
                code="too-costly",
                message="validation.too-many-issues",
                params={"limit": policy.issue_limit},
            )
        )
    return issues
