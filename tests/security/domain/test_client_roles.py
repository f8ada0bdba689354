"""A client is refused what it could never be given, and told why."""

from __future__ import annotations

from typing import Any

import pytest

from kuska.kit.messages import catalogue
from kuska.security.domain.client_roles import check_roles
from kuska.security.domain.clients import Client, ClientError
from kuska.security.domain.roles import shipped
from kuska.security.domain.scopes import read

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("LW-16")]


def client(scope: str = "system/Observation.crus system/Patient.rs", **changed: Any) -> Client:
    usual: dict[str, Any] = {"grants": ("client_credentials",), "roles": ("service",)}
    return Client(id="lab", name="Lab", kind="confidential-secret", scope=read(scope), **usual | changed)


@pytest.mark.parametrize(
    "good",
    [
        client(),
        client("system/*.rs", purposes=("TREAT",)),
        client("system/Patient.rs", party="partner", roles=("partner",), organization="org-1"),
        client("user/*.cruds launch openid", grants=("authorization_code",), roles=()),
        client("system/Observation.rs?category=laboratory"),
        client("system/Encounter.crus system/CarePlan.crus", roles=("partner", "service")),
    ],
)
def test_what_can_be_given(good: Client) -> None:
    check_roles(good, shipped())


@pytest.mark.parametrize(
    ("bad", "problem", "named"),
    [
        (client(roles=("servise",)), "roles", "servise"),
        (client("system/Observaton.rs"), "types", "Observaton"),
        (client(purposes=("TREATMENT",)), "purposes", "TREATMENT"),
        (client(organization="Organization/1"), "organization", "Organization/1"),
        (client(roles=()), "beyond", "system/"),
        (client("system/Patient.cruds"), "beyond", "system/Patient.cruds"),
        (client("system/AuditEvent.rs"), "beyond", "system/AuditEvent.rs"),
        # A person's role opens nothing to a machine.
        (client(roles=("results",)), "beyond", "system/"),
        (client("system/Composition.rs system/Patient.rs"), "beyond", "system/Composition.rs"),
        (client(purposes=("HRESCH",)), "purpose-beyond", "HRESCH"),
        (client(party="partner", organization="org-1"), "house", "service"),
        (client(grants=("authorization_code",)), "system", "system/"),
    ],
)
def test_what_never_can(bad: Client, problem: str, named: str) -> None:
    with pytest.raises(ClientError) as raised:
        check_roles(bad, shipped())
    (issue,) = raised.value.issues
    assert issue.message == f"oauth.client-{problem}"
    assert named in str(issue.params)
    for lang in ("es", "en"):
        assert issue.message in catalogue(lang)
