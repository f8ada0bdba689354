"""What an access token says, and back: ids, scopes and codes, nothing about a person (RFC 9068)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from kuska.security.contracts import Caller, Kind
from kuska.security.domain.scopes import Scopes, asked

ACCESS = "at+jwt"
ID = "jwt"
_SKEW = 30  # seconds by which the clock of another process of ours may be ahead
Reason = Literal["issuer", "audience", "expired", "early", "tenant", "country", "claims"]


class BadClaimsError(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Whose tokens these are. All of it has to fit."""

    issuer: str
    audience: str
    tenant: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What an access token stands for."""

    caller: Caller
    scopes: Scopes
    jti: str
    grant: str = ""  # the consent it comes from; '' for a client that acts for itself
    encounter: str = ""
    issued: datetime
    expires: datetime

    @property
    def subject(self) -> str:
        return self.caller.account

    @property
    def fhir_user(self) -> str:
        return fhir_user(self.caller)


def fhir_user(caller: Caller) -> str:
    """The resource that is the person who signed in, '' for one that has none."""
    if caller.practitioner:
        return f"Practitioner/{caller.practitioner}"
    # A token about a patient names the patient as well when a professional holds it: not that one's own resource.
    return f"Patient/{caller.patient}" if caller.patient and "patient" in caller.roles else ""


def write(ticket: Ticket, house: House) -> dict[str, Any]:
    caller = ticket.caller
    # With its fraction: what is withdrawn and given anew within one second must be told apart.
    issued = ticket.issued.timestamp()
    claims: dict[str, Any] = {
        "iss": house.issuer,
        "aud": house.audience,
        "sub": caller.account,
        "client_id": caller.client,
        "iat": issued,
        "nbf": int(issued),
        "exp": int(ticket.expires.timestamp()),
        "jti": ticket.jti,
        "scope": str(ticket.scopes),
        "kind": caller.kind,
        "roles": list(caller.roles),
        "tenant": house.tenant,
        "country": house.country,
    }
    optional = {
        "grant": ticket.grant,
        "sid": caller.session,
        "patient": caller.patient,
        "encounter": ticket.encounter,
        "practitioner": caller.practitioner,
        "fhirUser": fhir_user(caller),
        "organization": caller.organization,
        "purpose": caller.purpose,
        "purposes": list(caller.purposes),
        # `country` is where the record lies; a caller from another one is admitted by the policy, or not.
        "home": caller.country if caller.country != house.country else "",
        "amr": list(caller.methods),
        "auth_time": int(caller.authenticated.timestamp()) if caller.authenticated else 0,
    }
    return claims | {name: value for name, value in optional.items() if value}


def read(claims: Mapping[str, Any], house: House, now: float) -> Ticket:
    """The claims of a token whose signature is good.

    Raises:
        BadClaimsError: it is not for us, or not for now.
    """
    expires, begins = _number(claims, "exp"), _number(claims, "nbf")
    if claims.get("iss") != house.issuer:
        raise BadClaimsError("issuer")
    if claims.get("aud") != house.audience:
        raise BadClaimsError("audience")
    if expires <= now:
        raise BadClaimsError("expired")
    if begins > now + _SKEW:
        raise BadClaimsError("early")
    if claims.get("tenant") != house.tenant:
        raise BadClaimsError("tenant")
    if claims.get("country") != house.country:
        raise BadClaimsError("country")
    signed_in = _number(claims, "auth_time", 0)
    caller = Caller(
        kind=_kind(claims),
        account=_text(claims, "sub"),
        client=_text(claims, "client_id"),
        session=_text(claims, "sid", ""),
        roles=_texts(claims, "roles"),
        scopes=(scopes := asked(_text(claims, "scope", ""))).rules,
        patient=_text(claims, "patient", ""),
        practitioner=_text(claims, "practitioner", ""),
        organization=_text(claims, "organization", ""),
        tenant=house.tenant,
        country=_text(claims, "home", "") or house.country,
        purpose=_text(claims, "purpose", ""),
        purposes=_texts(claims, "purposes"),
        authenticated=datetime.fromtimestamp(signed_in, UTC) if signed_in else None,
        methods=_texts(claims, "amr"),
    )
    return Ticket(
        caller=caller,
        scopes=scopes,
        jti=_text(claims, "jti"),
        grant=_text(claims, "grant", ""),
        encounter=_text(claims, "encounter", ""),
        issued=datetime.fromtimestamp(_number(claims, "iat"), UTC),
        expires=datetime.fromtimestamp(expires, UTC),
    )


def _kind(claims: Mapping[str, Any]) -> Kind:
    kind = claims.get("kind")
    if kind == "person" or kind == "service" or kind == "partner":  # noqa: PLR1714 - narrows the type
        return kind
    raise BadClaimsError("claims")


def _text(claims: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = claims.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise BadClaimsError("claims")
    return value


def _texts(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values: Any = claims.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise BadClaimsError("claims")
    return tuple(values)


def _number(claims: Mapping[str, Any], name: str, default: int | None = None) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise BadClaimsError("claims")
    return value
