"""What claims of a provider mean here: by the operator's rules alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.security.domain.external import Provider, belongs, said, values

pytestmark = [pytest.mark.requirement("HC-08"), pytest.mark.requirement("AP-10")]
PROVIDER = msgspec.convert(
    {
        "name": "x", "title": "X", "issuer": "https://x.example", "client_id": "kuska",
        "claims": {"organization": "org", "practitioner": "practitioner", "country": "c", "tenant": "tenants"},
        "second_factor": {"amr": ["mfa"], "acr": ["2"]},
        "role": [
            {"claim": "groups", "value": "medicos", "role": "physician"},
            {"claim": "realm_access.roles", "value": "auditor", "role": "auditor"},
            {"claim": "https://kuska.example/roles", "value": "admin", "role": "administrator"},
        ],
    },
    Provider,
)  # fmt: skip

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([
    "groups", "realm_access", "name", "email", "email_verified", "org", "practitioner", "c", "tenants", "amr", "acr",
    "https://kuska.example/roles",
])  # fmt: skip


def roles(**claims: Any) -> tuple[str, ...]:
    return said(PROVIDER, {"sub": "ana", **claims}).roles


@pytest.mark.parametrize(("claims", "expected"), [
    ({"groups": ["medicos", "deporte"]}, ("physician",)),
    ({"groups": "medicos"}, ("physician",)),
    ({"groups": "medicos deporte"}, ()),
    ({"groups": ["Medicos"]}, ()),
    ({"groups": {"medicos": True}}, ()),
    ({"groups": [["medicos"]]}, ()),
    ({"groups": None}, ()),
    ({"realm_access": {"roles": ["auditor"]}}, ("auditor",)),
    ({"realm_access.roles": ["auditor"]}, ("auditor",)),
    ({"realm_access": {"roles": {"auditor": 1}}}, ()),
    ({"realm_access": ["auditor"]}, ()),
    ({"https://kuska.example/roles": ["admin"]}, ("administrator",)),
    ({"roles": ["administrator"], "role": "administrator"}, ()),
    ({"groups": ["medicos", "medicos"], "realm_access": {"roles": ["auditor"]}}, ("auditor", "physician")),
])  # fmt: skip
def test_roles_by_rules(claims: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert roles(**claims) == expected


@given(st.dictionaries(NAMES, JSON, max_size=6))
def test_whatever_it_says_gives_only_what_a_rule_gives(claims: dict[str, Any]) -> None:
    found = said(PROVIDER, {"sub": "ana", **claims})
    allowed = {rule.role for rule in PROVIDER.role if rule.value in values(claims, rule.claim)}
    assert set(found.roles) == allowed
    assert found.email == "" or claims["email_verified"] in (True, "true")
    for text in (found.name, found.email, found.organization, found.practitioner, found.country):
        assert len(text) <= 200
        assert text == "" or text.isprintable()
    belongs(PROVIDER, claims, "demo")


@pytest.mark.parametrize(("verified", "taken"), [
    (True, True), ("true", True), (False, False), ("false", False), (None, False), ([True], False), ({}, False), (2, False),
])  # fmt: skip
def test_only_a_verified_address(verified: object, taken: bool) -> None:
    found = said(PROVIDER, {"sub": "ana", "email": "ana@example.org", "email_verified": verified})
    assert bool(found.email) is taken


@pytest.mark.parametrize(("claims", "second"), [
    ({"amr": ["pwd", "mfa"]}, True), ({"amr": ["pwd"]}, False), ({"amr": "mfa"}, True), ({"acr": "2"}, True),
    ({"acr": "1"}, False), ({"acr": 2}, False), ({}, False),
])  # fmt: skip
def test_a_second_factor_by_the_operators_words(claims: dict[str, Any], second: bool) -> None:
    assert said(PROVIDER, {"sub": "ana", **claims}).second_factor is second
    nothing = msgspec.structs.replace(PROVIDER, second_factor=type(PROVIDER.second_factor)())
    assert not said(nothing, {"sub": "ana", **claims}).second_factor


def test_of_our_tenant() -> None:
    assert belongs(PROVIDER, {"tenants": ["other", "demo"]}, "demo")
    assert not belongs(PROVIDER, {"tenants": ["other"]}, "demo")
    assert not belongs(PROVIDER, {}, "demo")


def test_a_name_on_one_line() -> None:
    assert said(PROVIDER, {"sub": "a", "name": " Ana\n\x00\u202eQuispe  " + "x" * 500}).name.startswith("Ana Quispe x")
