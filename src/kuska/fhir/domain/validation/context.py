"""What travels with one validation: the issues found so far and the resources around the element being looked at."""

from __future__ import annotations

from typing import Any

from kuska.fhir.domain.validation.policy import Policy
from kuska.kit.errors import Issue
from kuska.kit.json import Node


class TooManyIssues(Exception):  # noqa: N818 - ends the walk, not the request
    """The policy's limit is reached."""


class Context:
    """`resource` is FHIRPath's %resource, at the place `at`; `root` its %rootResource (what contains it, or itself)."""

    __slots__ = ("_contained", "_entries", "around", "at", "element_ids", "issues", "policy", "resource", "root")

    def __init__(self, resource: Node, at: str, root: Node, policy: Policy, issues: list[Issue]) -> None:
        self.resource = resource
        self.at = at
        self.element_ids: set[str] = set()
        self.root = root
        self.policy = policy
        self.issues = issues
        self.around: Context | None = None  # of the resource that has this one inside
        self._contained: dict[str, str] | None = None
        self._entries: dict[str, str] | None = None

    def inside(self, resource: Node, at: str, *, contained: bool) -> Context:
        inner = Context(resource, at, self.root if contained else resource, self.policy, self.issues)
        inner.around = self
        return inner

    @property
    def contained(self) -> dict[str, str]:
        """Ids of the root's contained resources with their types."""
        if self._contained is None:
            inner: Any = self.root.get("contained")
            self._contained = {
                str(r.get("id")): str(r.get("resourceType"))
                for r in (inner if isinstance(inner, list) else ())
                if isinstance(r, dict)
            }
        return self._contained

    def type_in_bundle(self, url: str) -> str | None:
        """The type of the entry that has this fullUrl, in the bundles around the resource."""
        context: Context | None = self
        while context is not None:
            if context.resource.get("resourceType") == "Bundle" and (found := context.entries.get(url)):
                return found
            context = context.around
        return None

    @property
    def entries(self) -> dict[str, str]:
        """FullUrls of the bundle's entries with the types of their resources."""
        if self._entries is None:
            entries: Any = self.resource.get("entry")
            self._entries = {
                str(entry.get("fullUrl")): str(entry["resource"].get("resourceType"))
                for entry in (entries if isinstance(entries, list) else ())
                if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)
            }
        return self._entries

    def error(self, at: str, code: str, key: str, **params: object) -> None:
        self.report("error", at, code, key, params)

    def warning(self, at: str, code: str, key: str, **params: object) -> None:
        self.report("warning", at, code, key, params)

    def report(self, severity: str, at: str, code: str, key: str, params: dict[str, object]) -> None:
        self.issues.append(
            Issue(severity=severity, code=code, message=f"validation.{key}", params=params, expression=at)
        )
        if len(self.issues) >= self.policy.issue_limit:
            raise TooManyIssues


def shown(value: object) -> str:
    """A value as a message may quote it."""
    text = value if isinstance(value, str) else "null" if value is None else str(value)
    return text if len(text) <= 60 else text[:60] + "…"
