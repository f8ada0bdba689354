"""Every wrong token at the door: none opens, and which of them it was shows only in the reason for the trail."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from tests.security.oauth.conftest import FHIR, ISSUER, Shop

from kuska.security.contracts import Caller
from kuska.security.domain import claims
from kuska.security.domain.scopes import asked
from kuska.security.errors import NobodyError
from kuska.security.usecases.oauth.tokens import Tokens

pytestmark = pytest.mark.requirement("HC-04", "QX-10")
_CALLER = Caller(
    kind="person", account="a-1", client="app", roles=("patient",), patient="p-1", tenant="demo", country="PE"
)


def _encoded(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.fixture
def tokens(shop: Shop) -> Tokens:
    return shop.oauth.parts.tokens


@pytest.fixture
def good(tokens: Tokens) -> str:
    return tokens.issue(_CALLER, asked("patient/*.rs openid"))[0]


@pytest.fixture
def forged(tokens: Tokens) -> Callable[..., str]:
    """Signed by the server's own key, with something else in it."""

    def make(header: dict[str, Any] | None = None, **said: Any) -> str:
        _, ticket = tokens.issue(_CALLER, asked("patient/*.rs"))
        content = {**claims.write(ticket, tokens.house), **said}
        content = {name: value for name, value in content.items() if value is not None}
        key = tokens.keys.current()
        return jwt.encode(
            {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt", **(header or {})}, content, key.key, [key.algorithm]
        )

    return make


def _reason(tokens: Tokens, token: str) -> str:
    with pytest.raises(NobodyError) as refused:
        tokens.check(token)
    # One text for all of them.
    assert [issue.message for issue in refused.value.issues] == ["security.unauthenticated"]
    return refused.value.reason


async def test_the_good_one_opens(tokens: Tokens, good: str, forged: Callable[..., str]) -> None:
    caller = tokens.check(good)
    assert (caller.account, caller.patient, caller.kind) == ("a-1", "p-1", "person")
    assert tokens.check(good) is caller  # remembered
    assert tokens.check(good.encode()) is caller
    assert tokens.check(forged()).account == "a-1"


async def test_no_signature(tokens: Tokens, good: str) -> None:
    header, payload, signature = good.split(".")
    for algorithm in ("none", "None", "NONE", "nOnE", ""):
        none = _encoded({**_decoded(header), "alg": algorithm})
        for end in ("", signature):
            assert _reason(tokens, f"{none}.{payload}.{end}") == "security.token-signature"
    assert _reason(tokens, f"{header}.{payload}.") == "security.token-signature"


async def test_the_public_key_as_a_shared_secret(tokens: Tokens, good: str) -> None:
    """Key confusion: HS256 over what everybody can read."""
    _, payload, _ = good.split(".")
    key = tokens.keys.current()
    public = key.verifies
    secrets = [public.as_pem(private=False), json.dumps(key.public()).encode(), public.as_der(private=False)]
    for secret in secrets:
        for algorithm, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384)):
            signed = f"{_encoded({'alg': algorithm, 'kid': key.kid, 'typ': 'at+jwt'})}.{payload}"
            mac = hmac.new(secret, signed.encode(), digest).digest()
            assert _reason(tokens, f"{signed}.{_encoded(mac)}") == "security.token-signature"


async def test_a_key_that_the_token_brings_along(tokens: Tokens, good: str, rsa: RSAKey) -> None:
    said = _decoded(good.split(".")[1])
    ours = tokens.keys.current().kid
    for header in (
        {"kid": "rsa-1", "jwk": rsa.as_dict(private=False)},
        {"kid": ours, "jwk": rsa.as_dict(private=False)},
        {"kid": ours, "jku": "https://evil.example/keys"},
        {"kid": "rsa-1", "x5u": "https://evil.example/keys"},
        {"kid": ours},
        {"kid": "../../dev/null"},
        {"kid": "' or '1'='1"},
        {"kid": ""},
        {},
    ):
        token = jwt.encode({"alg": "RS256", "typ": "at+jwt", **header}, said, rsa, ["RS256"])
        assert _reason(tokens, token) == "security.token-signature"


async def test_another_algorithm_of_the_same_key(tokens: Tokens, good: str, ec: ECKey) -> None:
    key = tokens.keys.current()
    said = _decoded(good.split(".")[1])
    for algorithm in ("RS384", "RS512", "PS256"):
        token = jwt.encode({"alg": algorithm, "kid": key.kid, "typ": "at+jwt"}, said, key.key, [algorithm])
        assert _reason(tokens, token) == "security.token-signature"
    token = jwt.encode({"alg": "ES384", "kid": key.kid, "typ": "at+jwt"}, said, ec, ["ES384"])
    assert _reason(tokens, token) == "security.token-signature"


async def test_another_patient_written_in(tokens: Tokens, good: str) -> None:
    header, payload, signature = good.split(".")
    for change in (
        {"patient": "p-2"},
        {"sub": "a-2"},
        {"roles": ["administrator"]},
        {"scope": "system/*.cruds"},
        {"exp": 9_999_999_999},
    ):
        tampered = _encoded({**_decoded(payload), **change})
        assert _reason(tokens, f"{header}.{tampered}.{signature}") == "security.token-signature"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "https://other.example/fhir"}, "audience"),
        ({"aud": [FHIR]}, "audience"),
        ({"aud": None}, "audience"),
        ({"tenant": "other"}, "tenant"),
        ({"tenant": None}, "tenant"),
        ({"country": "CL"}, "country"),
        ({"exp": 0}, "expired"),
        ({"exp": None}, "claims"),
        ({"exp": "9999999999"}, "claims"),
        ({"exp": True}, "claims"),
        ({"exp": float("inf")}, "claims"),
        ({"exp": float("nan")}, "claims"),
        ({"nbf": 9_999_999_999}, "early"),
        ({"nbf": None}, "claims"),
        ({"sub": None}, "claims"),
        ({"sub": ""}, "claims"),
        ({"sub": 1}, "claims"),
        ({"jti": None}, "claims"),
        ({"client_id": None}, "claims"),
        ({"kind": "system"}, "claims"),
        ({"kind": "anonymous"}, "claims"),
        ({"roles": "administrator"}, "claims"),
        ({"roles": [1]}, "claims"),
        ({"patient": ["p-1"]}, "claims"),
    ],
)
async def test_claims_that_do_not_fit(
    tokens: Tokens, forged: Callable[..., str], said: dict[str, Any], reason: str
) -> None:
    assert _reason(tokens, forged(**said)) == f"security.token-{reason}"


@pytest.mark.parametrize("kind", ["JWT", "", "jwt", "at+jwt2", "application/at+jwt"])
async def test_another_kind_of_token(tokens: Tokens, forged: Callable[..., str], kind: str) -> None:
    assert _reason(tokens, forged({"typ": kind})) == "security.token-signature"


async def test_a_critical_header_that_is_not_understood(tokens: Tokens, good: str) -> None:
    header, payload, signature = good.split(".")
    critical = _encoded({**_decoded(header), "crit": ["exp"], "exp": 1})
    assert _reason(tokens, f"{critical}.{payload}.{signature}") == "security.token-signature"


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "..", "...", "a.b.c", "é.é.é", "\ud800", "e30.e30.", "null.null.null", "a" * 100_000,
        "a" * 5_000 + ".b.c", "WyI".join(["."] * 4), _encoded(b"[" * 5_000) + ".e30.e30",
    ],
)  # fmt: skip
async def test_what_is_no_token_at_all(tokens: Tokens, text: str) -> None:
    assert _reason(tokens, text) == "security.token-signature"


async def test_expired_to_the_second_also_when_remembered(shop: Shop, tokens: Tokens, good: str) -> None:
    shop.clock.advance(timedelta(seconds=599))
    tokens.check(good)
    shop.clock.advance(timedelta(seconds=1))
    assert _reason(tokens, good) == "security.token-expired"
    assert _reason(tokens, good) == "security.token-expired"


async def test_remembering_has_a_bound(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kuska.security.usecases.oauth.tokens._REMEMBERED", 3)
    for _ in range(5):
        tokens.check(tokens.issue(_CALLER, asked("patient/*.rs"))[0])
    assert len(tokens._known) == 3
