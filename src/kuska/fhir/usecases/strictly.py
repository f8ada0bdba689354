"""What `$validate` looks at beyond what a write does, when it is asked to: `check`, once for each of

    extensions     those that nobody here knows are errors, except below an `extension-domain` (a URL's beginning)
    example-urls   addresses of example.org and the like in extensions are errors
    markdown       HTML in markdown is an error
    references     relative references lead to something: in the document, or in the record as the caller may see it

Writes accept all four, because the standard obliges a server to (extensions), or because messages arrive in any order
(references). The names are ours: the operation of R4 has no parameter for this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

from kuska.fhir.domain.call import Call, Node
from kuska.fhir.domain.query import pairs
from kuska.fhir.domain.validation import Policy, validate
from kuska.fhir.usecases.record import Record
from kuska.kit.errors import IncorrectError, Issue
from kuska.security.api import RefusedByPolicyError

CHECKS = ("extensions", "example-urls", "markdown", "references")
_MOST_REFERENCES = 500
_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?(?:#.*)?")


@dataclass(frozen=True, slots=True)
class Asked:
    checks: frozenset[str] = frozenset()
    domains: tuple[str, ...] = ()

    @property
    def policy(self) -> Policy:
        return Policy(
            known_extensions_only="extensions" in self.checks,
            extension_domains=self.domains,
            example_urls="example-urls" not in self.checks,
            html_in_markdown="markdown" not in self.checks,
        )


def asked(call: Call, parameters: Iterable[Node]) -> Asked:
    """From the query and from the parameters of a Parameters resource."""
    given = [(name, value) for name, value in pairs(call.query) if name in ("check", "extension-domain")]
    kinds = ("valueCode", "valueString", "valueUri", "valueUrl")
    given += [(str(one.get("name")), str(one.get(kind, ""))) for one in parameters for kind in kinds]
    checks = [word for name, value in given if name == "check" for word in value.split(",") if word]
    for word in checks:
        if word not in CHECKS:
            params = {"name": "check", "value": word[:40], "allowed": ", ".join(CHECKS)}
            raise IncorrectError(Issue(code="value", message="interaction.bad-value", params=params))
    return Asked(frozenset(checks), tuple(value for name, value in given if name == "extension-domain" and value))


async def issues(record: Record, resource: Node, wanted: Asked) -> list[Issue]:
    if "references" not in wanted.checks:
        return validate(resource, policy=wanted.policy)
    met: dict[str, None] = {}

    def note(reference: str) -> str:
        met[reference] = None
        return ""

    validate(resource, policy=replace(wanted.policy, resolve=note))
    inside = {f"{one['resourceType']}/{one.get('id')}": str(one["resourceType"]) for one in _resources(resource)}
    found = await _found(record, [name for name in met if ":" not in name and name not in inside])
    # What has a scheme is somewhere else, and nobody here can tell.
    types = {name: "" if ":" in name else inside.get(name) or found.get(name) for name in met}
    return validate(resource, policy=replace(wanted.policy, resolve=types.get))


async def _found(record: Record, references: list[str]) -> dict[str, str | None]:
    """Types of what is in the record, as far as the caller may know; None for what is not there."""
    if len(references) > _MOST_REFERENCES:
        params = {"count": len(references), "limit": _MOST_REFERENCES}
        raise IncorrectError(Issue(code="too-costly", message="interaction.too-many-references", params=params))
    found: dict[str, str | None] = {}
    if not references:
        return found
    async with record.db.read() as conn:
        for reference in references:
            place = _LOCAL.fullmatch(reference)
            if place is None or place[1] not in record.definitions.type_numbers:
                found[reference] = ""
                continue
            try:
                stored = await record.records.read(conn, place[1], place[2])
            except RefusedByPolicyError:
                found[reference] = ""  # of a type that the caller may know nothing of
                continue
            found[reference] = None if stored is None or stored.deleted else place[1]
    return found


def _resources(value: Any) -> list[Node]:
    """Every resource of the document, itself too."""
    waiting, found = [value], list[Node]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(cast("Node", one).get("resourceType"), str):
                found.append(cast("Node", one))
            waiting.extend(cast("Node", one).values())
        elif isinstance(one, list):
            waiting.extend(cast("list[Any]", one))
    return found
