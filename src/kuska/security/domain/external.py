"""Other identity providers, and what their claims mean here. Pure.

What a provider says about a person is read by rules that an operator wrote; what no rule speaks of is not believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import msgspec

Claims = Mapping[str, Any]
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
_MAX_TEXT = 200


class RoleRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose claim `claim` is, or has among its values, `value` gets `role`."""

    claim: str
    value: str
    role: str


class Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Names of the claims that say these things; '' = the provider does not."""

    name: str = "name"
    email: str = "email"
    organization: str = ""
    practitioner: str = ""
    country: str = ""
    tenant: str = ""


class SecondFactor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A sign-in with one of these values counts as one with a second factor. Empty: the provider's do not count."""

    amr: tuple[str, ...] = ()
    acr: tuple[str, ...] = ()


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[provider]]` of the file that KUSKA_SECURITY_PROVIDERS_FILE names."""

    name: str  # in addresses: /externo/<name>
    title: str  # on the button
    issuer: str
    client_id: str
    client_secret_file: str = ""
    private_key_file: str = ""  # PEM; proves us to the provider instead of a secret (private_key_jwt)
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "ES384", "Ed25519")
    # 'known': only who has linked an account. 'new': an account is made for whoever has a role by the rules.
    accounts: Literal["known", "new"] = "known"
    userinfo: bool = False  # claims that are not in the ID token are asked for
    claims: Names = Names()
    second_factor: SecondFactor = SecondFactor()
    role: tuple[RoleRule, ...] = ()


class ProvidersFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    only: bool = False  # nobody signs in with a password of our own
    provider: tuple[Provider, ...] = ()


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says about a person, in our words."""

    subject: str
    name: str
    email: str
    roles: tuple[str, ...]
    organization: str
    practitioner: str
    country: str
    second_factor: bool


def values(claims: Claims, name: str) -> tuple[str, ...]:
    """The texts of a claim: 'groups', or 'realm_access.roles' inside another one. A claim's own name may have dots."""
    found: Any = claims.get(name) if name else None
    if found is None and "." in name:
        found = claims
        for part in name.split("."):
            found = cast("Mapping[str, Any]", found).get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return (found,)
    if isinstance(found, Sequence) and not isinstance(found, bytes):
        return tuple(each for each in cast("Sequence[Any]", found) if isinstance(each, str))
    return ()


def said(provider: Provider, claims: Claims) -> Said:
    names = provider.claims
    roles = {rule.role for rule in provider.role if rule.value in values(claims, rule.claim)}
    second = provider.second_factor
    # An address that nobody verified is no address to send mails to.
    verified = claims.get("email_verified") in (True, "true")
    return Said(
        subject=str(claims["sub"]),
        name=_one(claims, names.name),
        email=_one(claims, names.email) if verified else "",
        roles=tuple(sorted(roles)),
        organization=_one(claims, names.organization),
        practitioner=_one(claims, names.practitioner),
        country=_one(claims, names.country),
        second_factor=not set(second.amr).isdisjoint(values(claims, "amr"))
        or not set(second.acr).isdisjoint(values(claims, "acr")),
    )


def belongs(provider: Provider, claims: Claims, tenant: str) -> bool:
    """Where the provider serves several tenants, the person must be of ours."""
    return not provider.claims.tenant or tenant in values(claims, provider.claims.tenant)


def _one(claims: Claims, name: str) -> str:
    found = values(claims, name)
    text = found[0] if len(found) == 1 else ""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:_MAX_TEXT]
