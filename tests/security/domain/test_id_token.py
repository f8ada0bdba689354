"""Every false ID token that we know of, against the rules alone."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from kuska.security.domain.id_token import (
    RefusedTokenError,
    UnknownKeyError,
    half_hash,
    id_token_claims,
    logout_token_claims,
    public_keys,
)

pytestmark = [pytest.mark.requirement("HC-08"), pytest.mark.requirement("AP-10")]
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
ISSUER, CLIENT, NONCE, ACCESS = "https://idp.example", "kuska", "n" * 43, "an access token"
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "rsa"})
KEYS: list[Key] = public_keys({"keys": [RSA.as_dict(private=False), EC.as_dict(private=False)]})
ALLOWED = ("RS256", "ES256")


def second(after: float = 0) -> int:
    return int((NOW + timedelta(seconds=after)).timestamp())


def claims(**changed: Any) -> dict[str, Any]:
    given = {"iss": ISSUER, "sub": "ana", "aud": CLIENT, "nonce": NONCE, "iat": second(), "exp": second(300)}
    return {name: value for name, value in {**given, **changed}.items() if value is not None}


def token(key: Any = RSA, alg: str = "RS256", header: dict[str, Any] | None = None, **changed: Any) -> str:
    head = {name: value for name, value in {"alg": alg, "kid": key.kid, **(header or {})}.items() if value is not None}
    return jwt.encode(head, claims(**changed), key, algorithms=[alg])


def checked(text: str, keys: list[Key] = KEYS) -> dict[str, Any]:
    return id_token_claims(text, keys, ALLOWED, issuer=ISSUER, client=CLIENT, nonce=NONCE, access_token=ACCESS, now=NOW)


def refusal(text: str, keys: list[Key] = KEYS) -> str:
    with pytest.raises(RefusedTokenError) as refused:
        checked(text, keys)
    return str(refused.value)


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (EC, "ES256")])
def test_a_good_one(key: Any, alg: str) -> None:
    assert checked(token(key, alg))["sub"] == "ana"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"iss": "https://evil.example"}, "external.wrong-issuer"),
    ({"iss": ISSUER + "/"}, "external.wrong-issuer"),
    ({"iss": None}, "external.wrong-issuer"),
    ({"aud": "another"}, "external.wrong-audience"),
    ({"aud": None}, "external.wrong-audience"),
    ({"aud": []}, "external.wrong-audience"),
    ({"aud": [CLIENT, "another"]}, "external.wrong-audience"),
    ({"aud": {"kuska": 1}}, "external.wrong-audience"),
    ({"azp": "another"}, "external.wrong-audience"),
    ({"exp": second(-61)}, "external.expired"),
    ({"exp": None}, "external.malformed"),
    ({"exp": "tomorrow"}, "external.malformed"),
    ({"exp": True}, "external.malformed"),
    ({"iat": None}, "external.malformed"),
    ({"iat": second(61)}, "external.not-now"),
    ({"iat": second(-700)}, "external.not-now"),
    ({"nonce": "x" * 43}, "external.wrong-nonce"),
    ({"nonce": None}, "external.wrong-nonce"),
    ({"nonce": [NONCE]}, "external.wrong-nonce"),
    ({"sub": None}, "external.malformed"),
    ({"sub": ""}, "external.malformed"),
    ({"sub": 7}, "external.malformed"),
    ({"sub": "x" * 256}, "external.malformed"),
    ({"sub": "ana\n"}, "external.malformed"),
    ({"at_hash": half_hash("RS256", "another access token")}, "external.wrong-access-token"),
    ({"at_hash": None, "nonce": ""}, "external.wrong-nonce"),
]


@pytest.mark.parametrize(("changed", "reason"), WRONG)
def test_false_claims(changed: dict[str, Any], reason: str) -> None:
    assert refusal(token(**changed)) == reason


@pytest.mark.parametrize("changed", [
    {"aud": [CLIENT]}, {"azp": CLIENT}, {"exp": second(-59)}, {"iat": second(59)},
    {"at_hash": half_hash("RS256", ACCESS)},
])  # fmt: skip
def test_what_may_differ(changed: dict[str, Any]) -> None:
    assert checked(token(**changed))["sub"] == "ana"


def part(content: object) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_unsigned(alg: str) -> None:
    assert refusal(f"{part({'alg': alg})}.{part(claims())}.") == "external.algorithm"
    assert refusal(f"{part({'alg': alg, 'kid': 'rsa'})}.{part(claims())}.AAAA") == "external.algorithm"


def test_signed_with_our_view_of_the_public_key_as_a_secret() -> None:
    """Key confusion: HS256 over the RSA key's public text."""
    for secret in (RSA.as_pem(private=False), json.dumps(RSA.as_dict(private=False)).encode()):
        forged = jws.serialize_compact(
            {"alg": "HS256", "kid": "rsa"}, json.dumps(claims()).encode(), OctKey.import_key(secret.hex()), ["HS256"]
        )
        assert refusal(forged) == "external.algorithm"


def test_signed_by_somebody_else_under_a_known_name() -> None:
    assert refusal(token(OTHER)) == "external.signature"
    assert refusal(token(OTHER, header={"kid": None})) == "external.signature"


def test_a_key_that_the_token_brings_along_is_not_taken() -> None:
    for header in ({"jwk": OTHER.as_dict(private=False)}, {"jku": "https://evil.example/keys"}):
        assert refusal(token(OTHER, header=header)) in {"external.signature", "external.malformed"}


def test_a_key_of_the_wrong_kind_for_the_algorithm() -> None:
    head, body, signature = token(EC, "ES256").split(".")
    assert refusal(f"{part({'alg': 'RS256', 'kid': 'ec'})}.{body}.{signature}") == "external.signature"
    assert head


def test_changed_on_the_way() -> None:
    head, _, signature = token().split(".")
    assert refusal(f"{head}.{part(claims(sub='director'))}.{signature}") == "external.signature"


def test_a_key_we_do_not_know_is_said_apart() -> None:
    """So that the caller looks whether the provider has a new one."""
    with pytest.raises(UnknownKeyError):
        checked(token(header={"kid": "new"}))


def test_without_a_name_every_key_is_tried() -> None:
    assert checked(token(header={"kid": None}))["sub"] == "ana"


def test_a_demand_that_we_do_not_understand_is_refused() -> None:
    head = part({"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": False})
    _, body, signature = token().split(".")
    assert refusal(f"{head}.{body}.{signature}") in {"external.signature", "external.malformed"}


@pytest.mark.parametrize("text", ["", ".", "..", "...", "a.b.c", "eyJhbGciOiJSUzI1NiJ9..", "x" * 60_000, "é.é.é", "\0"])
def test_no_token_at_all(text: str) -> None:
    assert refusal(text) in {"external.malformed", "external.algorithm", "external.signature"}


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_nonsense_is_refused_and_breaks_nothing(text: str) -> None:
    refusal(text)


def test_keys_of_other_kinds_and_broken_ones_are_left_out() -> None:
    document = {
        "keys": [
            OctKey.generate_key(256).as_dict(), {"kty": "RSA"}, {"kty": "XYZ"}, {}, None, "x", 7,
            {**RSA.as_dict(private=False), "use": "enc"}, OKPKey.generate_key("Ed25519").as_dict(private=False),
        ]
    }  # fmt: skip
    assert [key.key_type for key in public_keys(document)] == ["OKP"]
    for odd in ({}, {"keys": None}, {"keys": "x"}, {"keys": {}}):
        assert public_keys(odd) == []


EVENTS = {"http://schemas.openid.net/event/backchannel-logout": {}}


def logout(**changed: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"nonce": None, "jti": "1", "events": EVENTS, "header": {"typ": "logout+jwt"}}
    return logout_token_claims(token(**{**given, **changed}), KEYS, ALLOWED, issuer=ISSUER, client=CLIENT, now=NOW)


def test_a_logout_token() -> None:
    assert logout()["sub"] == "ana"


@pytest.mark.parametrize("changed", [
    {"events": None}, {"events": {}}, {"events": "x"}, {"nonce": NONCE}, {"jti": None}, {"iss": "x"}, {"aud": "x"},
    {"iat": second(-700)}, {"header": {"typ": "at+jwt"}}, {"sub": None},
])  # fmt: skip
def test_what_is_no_logout(changed: dict[str, Any]) -> None:
    """An ID token, or an access token, is not one."""
    with pytest.raises(RefusedTokenError):
        logout(**changed)
