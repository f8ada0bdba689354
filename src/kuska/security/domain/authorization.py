"""A client's request for authorization: what it must be, and where its answer goes.

OAuth 2.1 with PKCE, OpenID Connect Core section 3.1.2, SMART App Launch 2.x "Request authorization code".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlencode

from kuska.security.domain.clients import Client
from kuska.security.domain.handles import CHALLENGE
from kuska.security.domain.protocol import ProtocolError, invalid_request
from kuska.security.domain.scopes import (
    Decidable,
    ScopeError,
    Scopes,
    asked,
    every_restriction,
    read,
    undecidable,
    within,
)

Prompt = Literal["", "none", "login", "consent"]
_LONGEST = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked, checked and narrowed to what the client may ever have. Kept by the server until it is decided."""

    scopes: Scopes
    challenge: str
    state: str = ""
    nonce: str = ""
    launch: str = ""
    prompt: Prompt = ""
    max_age: int | None = None
    login_hint: str = ""

    def dump(self) -> dict[str, Any]:
        optional = {
            "state": self.state,
            "nonce": self.nonce,
            "launch": self.launch,
            "prompt": self.prompt,
            "max_age": self.max_age,
            "login_hint": self.login_hint,
        }
        said = {name: value for name, value in optional.items() if value not in ("", None)}
        return {"scope": str(self.scopes), "challenge": self.challenge, **said}

    @classmethod
    def restore(cls, tree: Mapping[str, Any]) -> Asked:
        return cls(scopes=read(tree["scope"]), **{name: value for name, value in tree.items() if name != "scope"})

    @property
    def wants_patient(self) -> bool:
        """Somebody has to say which patient: asked for, or the scopes have no meaning without."""
        return "launch/patient" in self.scopes.features or any(rule.context == "patient" for rule in self.scopes.rules)


def check(params: Mapping[str, str], client: Client, fhir_base: str, decidable: Decidable = every_restriction) -> Asked:
    """Client and redirect are known to be right; whatever else is wrong is told to the client there.

    Raises:
        ProtocolError: with the code for the redirect.
    """
    if "request" in params:
        raise ProtocolError("request_not_supported", "request-object")
    if "request_uri" in params:
        raise ProtocolError("request_uri_not_supported", "request-uri")
    if params.get("response_type") != "code":
        raise ProtocolError("unsupported_response_type", "response-type")
    if params.get("response_mode", "query") != "query":
        raise invalid_request("response-mode")
    if params.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(params.get("code_challenge", "")):
        raise invalid_request("pkce")
    if any(len(params.get(name, "")) > _LONGEST for name in ("state", "nonce", "launch", "login_hint")):
        raise invalid_request("too-long")
    scopes = _scopes(params, client)
    if undecidable(scopes.rules, decidable):
        raise ProtocolError("invalid_scope", "scope-restriction")
    launch = params.get("launch", "") if "launch" in scopes.features else ""
    if "launch" in scopes.features and not launch:
        raise invalid_request("launch-missing")
    of_record = scopes.rules or any(word.startswith("launch") for word in scopes.features)
    if (of_record or "aud" in params) and params.get("aud", "").rstrip("/") != fhir_base:
        raise invalid_request("aud")
    return Asked(
        scopes=scopes,
        challenge=params["code_challenge"],
        state=params.get("state", ""),
        nonce=params.get("nonce", ""),
        launch=launch,
        prompt=_prompt(params),
        max_age=_age(params),
        login_hint=params.get("login_hint", ""),
    )


def _scopes(params: Mapping[str, str], client: Client) -> Scopes:
    try:
        requested = asked(params.get("scope", ""))
    except ScopeError as wrong:
        raise ProtocolError("invalid_scope", "scope") from wrong
    allowed = within(requested, client.scope)
    # `system/` is for a client that acts for itself; a person cannot lend what no person has.
    granted = Scopes(tuple(rule for rule in allowed.rules if rule.context != "system"), allowed.features)
    if not granted:
        raise ProtocolError("invalid_scope", "scope")
    return granted


def _prompt(params: Mapping[str, str]) -> Prompt:
    words = set(params.get("prompt", "").split())
    if "none" in words:
        if len(words) > 1:
            raise invalid_request("prompt")
        return "none"
    # Who is asked to choose an account signs in anew.
    return "login" if words & {"login", "select_account"} else "consent" if "consent" in words else ""


def _age(params: Mapping[str, str]) -> int | None:
    text = params.get("max_age")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise invalid_request("max-age")
    return int(text)


def answer(redirect: str, issuer: str, state: str, **result: str) -> str:
    """The registered address with the answer added; `iss` says whose it is (RFC 9207)."""
    params = {**result, **({"state": state} if state else {}), "iss": issuer}
    # A registered address has no fragment (domain/clients.py), so its end is the end of its query.
    return f"{redirect}{'&' if '?' in redirect else '?'}{urlencode(params, quote_via=quote)}"


def launching(launch_url: str, fhir_base: str, handle: str) -> str:
    """Where an application is opened from a hospital's system (EHR launch)."""
    query = urlencode({"iss": fhir_base, "launch": handle}, quote_via=quote)
    return f"{launch_url}{'&' if '?' in launch_url else '?'}{query}"
