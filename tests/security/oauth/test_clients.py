"""Clients: who proves what, and how it is refused."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from tests.security.oauth.conftest import ISSUER, NOON, OPERATOR, Shop, open_shop

from kuska.infra.postgres.database import Database
from kuska.kit.clock import SetClock
from kuska.kit.errors import UnavailableError
from kuska.security.domain.clients import Client
from kuska.security.settings import LimitSettings
from kuska.security.usecases.limits import Limits
from kuska.security.usecases.oauth.authenticate import ASSERTION

pytestmark = pytest.mark.requirement("HC-04", "QX-10")
_FORM = {"grant_type": "client_credentials", "scope": "system/*.rs"}
_SERVICE: dict[str, Any] = {"grants": ("client_credentials",), "redirects": (), "scope": "system/*.rs"}


async def _assert(shop: Shop, assertion: str, **more: str) -> Any:
    return await shop.post("/oauth/token", **_FORM, client_assertion_type=ASSERTION, client_assertion=assertion, **more)


async def test_unknown_wrong_and_withdrawn_are_the_same_answer(shop: Shop) -> None:
    client, _ = await shop.client(**_SERVICE)
    gone, secret = await shop.client(**_SERVICE)
    await shop.oauth.clients.withdraw(gone.id, OPERATOR)
    answers = [
        await shop.post("/oauth/token", **_FORM, client_id="nobody", client_secret="x"),
        await shop.post("/oauth/token", **_FORM, client_id=client.id, client_secret="x"),
        await shop.post("/oauth/token", **_FORM, client_id=client.id),
        await shop.post("/oauth/token", **_FORM, client_id=gone.id, client_secret=secret),
        await shop.post("/oauth/token", **_FORM, auth=(client.id, "x")),
        await shop.post("/oauth/token", **_FORM),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert len({str(sorted(answer.headers.items())) for answer in answers}) == 1
    assert answers[0].json()["error"] == "invalid_client"
    assert shop.book.last.interaction == "client-login"


async def test_every_token_of_a_service_is_in_the_trail_before_it_is_given(shop: Shop) -> None:
    client, secret = await shop.client(**_SERVICE)
    given = await shop.trade(client, secret, **_FORM)
    ticket = shop.oauth.parts.tokens.ticket(given.json()["access_token"])
    async with shop.db.read() as conn:
        lines = await conn.fetch("select kind, interaction from security.event where account = $1", client.id)
    assert [tuple(line) for line in lines if line[1] == "issued"] == [("token", "issued")]
    line = shop.book.last
    assert (line.interaction, line.outcome, line.caller.client) == ("issued", "0", client.id)
    assert dict(line.detail) == {"jti": ticket.jti, "scope": "system/*.rs"}


async def test_the_same_work_for_an_unknown_client(shop: Shop, rsa: RSAKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time tells nothing, because the same is done: one look, one comparison or one signature."""
    from kuska.security.usecases.oauth import authenticate  # noqa: PLC0415 - to watch it

    done: list[str] = []

    def watched(name: str, real: Any) -> Any:
        def call(*given: Any) -> Any:
            done.append(name)
            return real(*given)

        return call

    monkeypatch.setattr(authenticate, "matches", watched("compare", authenticate.matches))
    real = RSAKey.get_op_key
    monkeypatch.setattr(RSAKey, "get_op_key", lambda key, operation: (done.append(operation), real(key, operation))[1])
    client, _ = await shop.client(**_SERVICE)
    backend = await shop.backend(rsa)
    other = RSAKey.generate_key(2048, {"kid": "rsa-1"})
    stranger = Client(id="nobody", name="x", kind="private-key-jwt")
    for known, unknown in (
        ({"client_id": client.id, "client_secret": "x"}, {"client_id": "nobody", "client_secret": "x"}),
        (
            {"client_assertion": shop.assertion(backend, other)},
            {"client_assertion": shop.assertion(stranger, other)},
        ),
    ):
        work: list[list[str]] = []
        for form in (known, unknown):
            done.clear()
            kind = {"client_assertion_type": ASSERTION} if "client_assertion" in form else {}
            answer = await shop.post("/oauth/token", **_FORM, **kind, **form)
            assert answer.status_code == 401
            work.append(list(done))
        assert work[0] == work[1] != []


async def test_one_way_only(shop: Shop, rsa: RSAKey) -> None:
    client, secret = await shop.client(**_SERVICE)
    twice = await shop.post(
        "/oauth/token", **_FORM, auth=(client.id, secret), client_id=client.id, client_secret=secret
    )
    assert twice.status_code == 401
    other, _ = await shop.client(**_SERVICE)
    another = await shop.post("/oauth/token", **_FORM, auth=(client.id, secret), client_id=other.id)
    assert another.status_code == 401
    backend = await shop.backend(rsa)
    mixed = await _assert(shop, shop.assertion(backend, rsa), client_id=client.id, client_secret=secret)
    assert mixed.status_code == 401


async def test_each_in_its_own_way(shop: Shop, rsa: RSAKey) -> None:
    public, _ = await shop.client(kind="public")
    assert (await shop.trade(public, "x", grant_type="refresh_token", refresh_token="x")).status_code == 401
    backend = await shop.backend(rsa)
    assert (await shop.trade(backend, "x", **_FORM)).status_code == 401
    assert (await shop.trade(backend, "", **_FORM)).status_code == 401
    secret_one, _ = await shop.client(**_SERVICE)
    assert (await _assert(shop, shop.assertion(secret_one, rsa))).status_code == 401


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic !", "Basic " + base64.b64encode(b"nocolon").decode(), "Bearer x", "Basic \u00f1", "Basic /w=="],
)
async def test_headers_that_say_nothing(shop: Shop, header: str) -> None:
    given = {"authorization": header.encode("latin-1")}
    assert (await shop.http.post("/oauth/token", data=_FORM, headers=given)).status_code == 401


async def test_an_assertion_opens_once(shop: Shop, rsa: RSAKey) -> None:
    client = await shop.backend(rsa)
    assertion = shop.assertion(client, rsa)
    assert (await _assert(shop, assertion)).status_code == 200
    assert (await _assert(shop, assertion)).status_code == 401
    assert shop.book.last.reason == "security.assertion-replayed"
    # The same words signed again are the same assertion.
    again = shop.assertion(client, rsa, claims={"jti": "fixed"})
    assert (await _assert(shop, again)).status_code == 200
    shop.clock.advance(timedelta(seconds=1))
    assert (await _assert(shop, shop.assertion(client, rsa, claims={"jti": "fixed"}))).status_code == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://evil.example/token"},
        {"aud": f"{ISSUER}/oauth/token/"},
        {"aud": [f"{ISSUER}/oauth/token", "https://evil.example"]},
        {"aud": None},
        {"aud": {}},
        {"exp": 1},
        {"exp": None},
        {"exp": int(NOON.timestamp()) + 600},
        {"exp": str(int(NOON.timestamp()) + 60)},
        {"nbf": int(NOON.timestamp()) + 120},
        {"iat": int(NOON.timestamp()) + 120},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 600},
        {"jti": 7},
        {"sub": "another"},
        {"sub": None},
    ],
)
async def test_assertions_that_do_not_fit(shop: Shop, rsa: RSAKey, claims: dict[str, Any]) -> None:
    client = await shop.backend(rsa)
    answer = await _assert(shop, shop.assertion(client, rsa, claims=claims))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_the_issuer_is_an_audience_too(shop: Shop, ec: ECKey) -> None:
    client = await shop.backend(ec)
    assert (await _assert(shop, shop.assertion(client, ec, claims={"aud": ISSUER}))).status_code == 200


async def test_assertions_by_other_keys_and_algorithms(shop: Shop, rsa: RSAKey) -> None:
    client = await shop.backend(rsa)
    other = RSAKey.generate_key(2048, {"kid": "rsa-1"})
    said = json.loads(base64.urlsafe_b64decode(shop.assertion(client, rsa).split(".")[1] + "=="))
    public = rsa.as_pem(private=False)
    confused = jwt.encode({"alg": "HS384", "kid": "rsa-1"}, said, OctKey.import_key(secrets.token_bytes(48)), ["HS384"])
    none = ".".join(
        [
            base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "rsa-1"}).encode()).rstrip(b"=").decode(),
            shop.assertion(client, rsa).split(".")[1],
            "",
        ]
    )
    assert public
    for assertion in (
        shop.assertion(client, other),
        shop.assertion(client, rsa, alg="RS256"),
        shop.assertion(client, rsa, kid="unknown"),
        shop.assertion(client, rsa, kid=""),
        jwt.encode({"alg": "RS384"}, said, rsa, ["RS384"]),
        confused,
        none,
        "x.y.z",
        "x",
    ):
        assert (await _assert(shop, assertion)).status_code == 401
    wrong = await shop.post(
        "/oauth/token", **_FORM, client_assertion_type="urn:x", client_assertion=shop.assertion(client, rsa)
    )
    assert wrong.status_code == 401


async def test_keys_that_a_client_serves_are_fetched_and_may_change(shop_db: Database, rsa: RSAKey, ec: ECKey) -> None:
    served = {"keys": [rsa.as_dict(private=False)]}
    calls: list[str] = []

    async def fetch(url: str) -> bytes:
        calls.append(url)
        if not served["keys"]:
            raise OSError("gone")
        return json.dumps(served).encode()

    shop = await open_shop(shop_db, SetClock(NOON), fetch=fetch)
    client = await shop.backend(rsa, jwks="", jwks_uri="https://partner.example/jwks")
    assert (await _assert(shop, shop.assertion(client, rsa))).status_code == 200
    assert (await _assert(shop, shop.assertion(client, rsa))).status_code == 200
    assert calls == ["https://partner.example/jwks"]
    served["keys"] = [ec.as_dict(private=False)]
    # A key that is not known is looked for, but not at every knock.
    assert (await _assert(shop, shop.assertion(client, ec))).status_code == 401
    shop.clock.advance(timedelta(minutes=1, seconds=1))
    assert (await _assert(shop, shop.assertion(client, ec))).status_code == 200
    assert (await _assert(shop, shop.assertion(client, rsa))).status_code == 401
    assert len(calls) == 2
    served["keys"] = []
    shop.clock.advance(timedelta(minutes=30))
    assert (await _assert(shop, shop.assertion(client, rsa))).status_code == 401  # knocks, and nobody is there
    assert (await _assert(shop, shop.assertion(client, ec))).status_code == 200
    shop.clock.advance(timedelta(minutes=31))
    assert (await _assert(shop, shop.assertion(client, ec))).status_code == 401
    assert shop.book.last.reason == "security.client-keys-unreachable"
    # Nor a moment later, although it is not asked again yet.
    assert (await _assert(shop, shop.assertion(client, ec))).status_code == 401
    assert shop.book.last.reason == "security.client-keys-unreachable"
    served["keys"] = [ec.as_dict(private=False)]
    shop.clock.advance(timedelta(seconds=6))
    assert (await _assert(shop, shop.assertion(client, ec))).status_code == 200


async def test_who_comes_while_the_keys_are_fetched_waits_for_them(shop_db: Database, rsa: RSAKey) -> None:
    calls: list[str] = []
    come = asyncio.Event()

    async def fetch(url: str) -> bytes:
        calls.append(url)
        await come.wait()
        return json.dumps({"keys": [rsa.as_dict(private=False)]}).encode()

    shop = await open_shop(shop_db, SetClock(NOON), fetch=fetch)
    client = await shop.backend(rsa, jwks="", jwks_uri="https://partner.example/jwks")
    three = [asyncio.create_task(_assert(shop, shop.assertion(client, rsa))) for _ in range(3)]
    while not calls:
        await asyncio.sleep(0)
    come.set()
    assert [answer.status_code for answer in await asyncio.gather(*three)] == [200, 200, 200]
    assert len(calls) == 1


async def test_only_what_it_is_registered_for(shop: Shop) -> None:
    client, secret = await shop.client(**_SERVICE)
    for form, error in (
        ({"grant_type": "authorization_code", "code": "x"}, "unauthorized_client"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "unauthorized_client"),
        ({"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({}, "invalid_request"),
        ({"grant_type": "client_credentials", "scope": "user/*.rs"}, "invalid_scope"),
        ({"grant_type": "client_credentials", "scope": "openid"}, "invalid_scope"),
        ({"grant_type": "client_credentials", "scope": ""}, "invalid_scope"),
        ({"grant_type": "client_credentials", "scope": "system/*.cud"}, "invalid_scope"),
        ({"grant_type": "client_credentials", "scope": "a " * 5000}, "invalid_scope"),
    ):
        answer = await shop.trade(client, secret, **form)
        assert (answer.status_code, answer.json()["error"]) == (400, error), form


class TestLimits:
    async def test_who_fails_too_often_waits_and_who_asks_too_much_too(self, shop_db: Database) -> None:
        now = 0.0
        settings = LimitSettings(failures_burst=3, failures_per_minute=1, requests_burst=2, requests_per_second=1)
        shop = await open_shop(shop_db, SetClock(NOON), limits=Limits(settings, lambda: now))
        client, secret = await shop.client(**_SERVICE)
        assert [(await shop.trade(client, secret, **_FORM)).status_code for _ in range(3)] == [200, 200, 429]
        wrong = [(await shop.trade(client, "wrong", **_FORM)) for _ in range(4)]
        assert [answer.status_code for answer in wrong] == [401, 401, 401, 429]
        assert wrong[-1].headers["retry-after"] == "60"
        assert wrong[-1].json() == {"error": "temporarily_unavailable"}
        answer = await shop.http.get("/oauth/userinfo", headers={"authorization": "Bearer x"})
        assert answer.status_code == 429
        now = 1.0
        assert (await shop.trade(client, secret, **_FORM)).status_code == 200, "the others of this address"
        lines = len(shop.book.events)
        assert (await shop.trade(client, "wrong", **_FORM)).status_code == 429
        assert len(shop.book.events) == lines, "who knocks on does not fill the trail"
        now = 61.0
        assert (await shop.trade(client, secret, **_FORM)).status_code == 200

    async def test_the_database_is_away(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        client, secret = await shop.client(**_SERVICE)

        def away(*_: Any) -> Any:
            raise UnavailableError

        monkeypatch.setattr(Database, "read", away)
        answer = await shop.trade(client, secret, **_FORM)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
