"""Whatever strangers send: the errors that are meant, or the truth."""

from __future__ import annotations

import base64
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import KeySet, RSAKey

from kuska.security.contracts import Caller
from kuska.security.domain import authorization, claims, signing
from kuska.security.domain.claims import BadClaimsError, House
from kuska.security.domain.clients import Client
from kuska.security.domain.handles import digest, matches, proves
from kuska.security.domain.protocol import ProtocolError, once
from kuska.security.domain.scopes import read
from kuska.security.domain.signing import BadSignatureError, SigningKey

pytestmark = pytest.mark.requirement("QX-10")
_KID, _KEY = signing.generate("RS256", 2048)
_OURS = SigningKey(_KID, "RS256", _KEY, signing.load(json.dumps(_KEY.as_dict(private=False))), datetime.now(UTC), None)
_GOOD = signing.sign({"iss": "i", "aud": "a", "exp": 9e9}, _OURS, "at+jwt")
_HOUSE = House(issuer="i", audience="a", tenant="t", country="PE")
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
_CLIENT = Client(
    id="app",
    name="App",
    kind="public",
    redirects=("https://a.example/b",),
    scope=read("openid launch user/*.rs patient/*.rs"),
)


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(["RS256", "none", "HS256", "ES384", "RS384", ""]) | _JSON,
        "kid": st.sampled_from([_KID, "x"]) | _JSON,
        "typ": st.sampled_from(["at+jwt", "AT+JWT"]) | _JSON,
        "crit": _JSON,
        "b64": _JSON,
        "zip": _JSON,
        "jwk": _JSON,
    },
)
_TOKENS = st.one_of(
    st.text(max_size=200),
    st.builds(lambda *parts: ".".join(parts), *[st.text(max_size=30)] * 3),
    st.builds(
        lambda head, said, end: f"{_part(head)}.{_part(said)}.{end}", _HEADERS, _JSON, st.text("aZ0-_", max_size=9)
    ),
    st.builds(
        lambda at, letter: _GOOD[:at] + letter + _GOOD[at + 1 :], st.integers(0, len(_GOOD) - 1), st.characters()
    ),
)


@given(_TOKENS)
def test_a_token_is_ours_or_nothing(token: str) -> None:
    try:
        said = signing.verify(token.encode("utf-8", "surrogatepass"), {_KID: _OURS}, "at+jwt", 0.0)
    except BadSignatureError:
        return
    # The last letter of a signature has bits that mean nothing.
    assert said == {"iss": "i", "aud": "a", "exp": 9e9}
    assert token.split(".")[:2] == _GOOD.split(".")[:2]


@given(_TOKENS)
def test_an_assertion_is_the_clients_or_nothing(token: str) -> None:
    for act in (lambda: signing.assertion_issuer(token), lambda: signing.verify_assertion(token, KeySet([_KEY]))):
        try:
            act()
        except BadSignatureError:
            continue


@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "kind", "tenant", "roles", "scope"]), _JSON
    )
)
def test_claims_fit_or_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(BadClaimsError):
        claims.read(said, _HOUSE, 0.0)


def test_a_caller_comes_back_whole() -> None:
    """Also with what is added to callers later: whoever adds a field decides whether a token says it."""
    scopes = read("patient/Observation.rs?category=laboratory openid")
    caller = Caller(
        kind="person", account="a", client="c", session="s", roles=("physician", "patient"), scopes=scopes.rules,
        patient="p", practitioner="d", organization="o", tenant="t", country="CL", purpose="TREAT",
        purposes=("TREAT", "COC"), address="192.0.2.1", authenticated=datetime(2026, 11, 21, 12, tzinfo=UTC),
        confirmed=datetime(2026, 11, 21, 12, tzinfo=UTC), methods=("pwd", "otp"),
    )  # fmt: skip
    default = Caller(kind="person")
    assert all(getattr(caller, name) != getattr(default, name) for name in _fields(caller) - {"kind"})
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    ticket = claims.Ticket(
        caller=caller, scopes=scopes, jti="j", grant="g", encounter="e", issued=now, expires=now + timedelta(minutes=1)
    )
    back = claims.read(json.loads(json.dumps(claims.write(ticket, _HOUSE))), _HOUSE, now.timestamp())
    # From where it is shown is seen then; a second factor is shown to the portal, not by an application.
    assert back == replace(ticket, caller=replace(caller, address="", confirmed=None))


def _fields(caller: Caller) -> set[str]:
    return {field.name for field in fields(caller)}


@given(st.binary(max_size=300) | _JSON.map(lambda tree: json.dumps({"keys": tree}).encode()))
def test_a_key_set_is_usable_or_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        signing.key_set(text)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([
                "response_type", "scope", "state", "nonce", "aud", "launch", "prompt", "max_age", "code_challenge",
                "code_challenge_method", "response_mode", "request", "login_hint",
            ]),
            st.sampled_from(["code", "S256", "A" * 43, "https://r.example/fhir", "openid user/*.cruds", "login", "9"])
            | st.text(max_size=20),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_a_request_is_within_what_the_client_may_have_or_refused(params: list[tuple[str, str]]) -> None:
    try:
        asked = authorization.check(once(params), _CLIENT, "https://r.example/fhir")
    except ProtocolError:
        return
    assert not any(rule.context == "system" or rule.letters - {"r", "s"} for rule in asked.scopes.rules)
    assert len(asked.challenge) == 43
    assert authorization.Asked.restore(json.loads(json.dumps(asked.dump()))) == asked


@given(st.text(max_size=200), st.text(max_size=60))
def test_nothing_proves_a_challenge_but_its_verifier(verifier: str, challenge: str) -> None:
    assert not proves(verifier, challenge)
    assert not matches(verifier, digest(verifier + "x"))
    assert matches(verifier, digest(verifier))


def test_a_public_key_signs_nothing() -> None:
    public = RSAKey.import_key(_KEY.as_dict(private=False))
    with pytest.raises(Exception, match=r"private|sign|key"):
        signing.sign({}, SigningKey(_KID, "RS256", public, public, datetime.now(UTC), None), "at+jwt")
