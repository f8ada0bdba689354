"""Clients: what may be registered, and how one is withdrawn with all it has."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import Any

import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import RSAKey
from tests.security.oauth.conftest import BACK, OPERATOR, Proof, Shop, open_shop

from kuska.kit.errors import ConflictError, NotFoundError
from kuska.security.domain.clients import ClientError, usable_redirect
from kuska.security.domain.scopes import read
from kuska.security.errors import NobodyError
from kuska.security.usecases.oauth.authenticate import ASSERTION
from kuska.security.usecases.oauth.authorize import BadRequest

pytestmark = pytest.mark.requirement("HC-04", "QX-10")
_FORM = {"grant_type": "client_credentials", "scope": "system/*.rs"}
_SERVICE: dict[str, Any] = {"grants": ("client_credentials",), "redirects": (), "scope": "system/*.rs"}


async def _assert(shop: Shop, assertion: str, **more: str) -> Any:
    return await shop.post("/oauth/token", **_FORM, client_assertion_type=ASSERTION, client_assertion=assertion, **more)


@pytest.mark.requirement("LW-16")
async def test_withdrawing_a_partner_takes_everything_with_it(shop: Shop, rsa: RSAKey) -> None:
    client, secret = await shop.client(kind="confidential-secret")
    session = await shop.signed_in(await shop.person())
    proof = Proof()
    given = await shop.tokens(client, secret, session)
    code = await shop.code(client, session, proof)
    backend = await shop.backend(rsa)
    own = (await _assert(shop, shop.assertion(backend, rsa))).json()["access_token"]
    tokens = shop.oauth.parts.tokens
    tokens.check(given["access_token"])
    tokens.check(own)
    await shop.oauth.clients.withdraw(client.id, OPERATOR)
    await shop.oauth.clients.withdraw(backend.id, OPERATOR)
    assert (shop.book.last.kind, shop.book.last.action) == ("client", "D")
    for token in (given["access_token"], own):
        with pytest.raises(NobodyError) as refused:
            tokens.check(token)
        assert refused.value.reason == "security.token-withdrawn"
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": proof.verifier, "redirect_uri": BACK}
    assert (await shop.trade(client, secret, **form)).status_code == 401
    assert (await _assert(shop, shop.assertion(backend, rsa))).status_code == 401
    assert isinstance(await shop.ask(client, session), BadRequest)
    assert await shop.oauth.granted(session.account.id) == []
    async with shop.db.read() as conn:
        left = await conn.fetchval(
            "select count(*) from security.oauth_grant where client = $1 and revoked is null", client.id
        )
    assert left == 0
    with pytest.raises(NotFoundError):
        await shop.oauth.clients.withdraw(client.id, OPERATOR)
    with pytest.raises(ConflictError):
        await shop.client(id=client.id)


@pytest.mark.requirement("LW-16")
async def test_a_partner_with_all_it_has_in_one_action(shop: Shop, rsa: RSAKey) -> None:
    organization = f"org-{secrets.token_hex(3)}"
    one = await shop.backend(rsa, organization=organization, party="partner")
    two, secret = await shop.client(**_SERVICE, organization=organization)
    other, others = await shop.client(**_SERVICE, organization="org-else")
    partner = await shop.person(kind="partner", roles=("partner",), practitioner="", organization=organization)
    colleague = await shop.person(organization=organization)
    app, apps = await shop.client()
    theirs = [
        (await _assert(shop, shop.assertion(one, rsa))).json(),
        (await shop.trade(two, secret, **_FORM)).json(),
        await shop.tokens(app, apps, await shop.signed_in(partner)),
    ]
    stays = [
        (await shop.trade(other, others, **_FORM)).json(),
        await shop.tokens(app, apps, await shop.signed_in(colleague)),
    ]
    gone = await shop.oauth.clients.withdraw_partner(organization, OPERATOR)
    assert sorted(gone) == sorted([one.id, two.id, partner.id])
    for given in theirs:
        with pytest.raises(NobodyError):
            shop.oauth.parts.tokens.check(given["access_token"])
    for given in stays:
        shop.oauth.parts.tokens.check(given["access_token"])
    await shop.oauth.parts.tokens.load()
    with pytest.raises(NobodyError):
        shop.oauth.parts.tokens.check(theirs[2]["access_token"])
    refresh = theirs[2]["refresh_token"]
    assert (await shop.trade(app, apps, grant_type="refresh_token", refresh_token=refresh)).status_code == 400
    assert shop.book.events[-2].interaction == "withdraw-partner"
    for nothing in (organization, "", "org-nowhere"):
        with pytest.raises(NotFoundError):
            await shop.oauth.clients.withdraw_partner(nothing, OPERATOR)


@pytest.mark.requirement("LW-16")
async def test_other_processes_know_it_when_the_epoch_moves(shop: Shop) -> None:
    other = await open_shop(shop.db, shop.clock)
    client, secret = await shop.client(**_SERVICE)
    token = (await shop.trade(client, secret, **_FORM)).json()["access_token"]
    other.oauth.parts.tokens.check(token)
    await shop.oauth.clients.withdraw(client.id, OPERATOR)
    async with other.epoch.watched():
        while other.epoch._value == 0:
            await other.oauth.parts.tokens.settled()
            async with shop.db.read() as conn:
                await conn.fetchval("select 1")
    await other.oauth.parts.tokens.settled()
    with pytest.raises(NobodyError):
        other.oauth.parts.tokens.check(token)


async def test_the_secret_is_shown_once_and_a_new_one_ends_the_old(shop: Shop) -> None:
    client, secret = await shop.client(**_SERVICE)
    assert (await shop.trade(client, secret, **_FORM)).status_code == 200
    _, newer = await shop.oauth.clients.replace(client, OPERATOR)
    assert (await shop.trade(client, secret, **_FORM)).status_code == 401
    assert (await shop.trade(client, newer, **_FORM)).status_code == 200


async def test_of_another_tenant(shop: Shop) -> None:
    client, secret = await shop.client(**_SERVICE)
    async with shop.db.write() as tx:
        await tx.execute("update security.client set tenant = 'other' where id = $1", client.id)
    assert (await shop.trade(client, secret, **_FORM)).status_code == 401
    assert client.id not in {each.id for each in await shop.oauth.clients.every()}
    with pytest.raises(NotFoundError):
        await shop.oauth.clients.find(client.id)


@pytest.mark.parametrize(
    ("uri", "public", "confidential"),
    [
        ("https://app.example.org/back", True, True),
        ("https://app.example.org/back?x=1", True, True),
        ("http://localhost:8080/back", True, True),
        ("http://127.0.0.1/back", True, True),
        ("http://[::1]:9/back", True, True),
        ("org.example.app:/back", True, False),
        ("http://app.example.org/back", False, False),
        ("http://localhost.evil.example/", False, False),
        ("https://app.example.org/#x", False, False),
        ("https://app.example.org/*", False, False),
        ("https://*.example.org/", False, False),
        ("https://user@app.example.org/", False, False),
        ("https:///back", False, False),
        ("https://app.example.org:x/", False, False),
        ("https://app.example.org\\@evil.example/", False, False),
        ("javascript:alert(1)", False, False),
        ("data:text/html,x", False, False),
        ("app:/back", False, False),
        ("/back", False, False),
        ("", False, False),
        ("https://app.example.org/ b", False, False),
        ("https://app.example.org/\nb", False, False),
    ],
)
def test_which_redirects_may_be_registered(uri: str, public: bool, confidential: bool) -> None:
    assert usable_redirect(uri, "public") is public
    assert usable_redirect(uri, "confidential-secret") is confidential


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "a b"},
        {"name": " "},
        {"grants": ()},
        {"grants": ("password",)},
        {"redirects": ()},
        {"redirects": ("https://x.example/#f",)},
        {"launch_url": "javascript:x"},
        {"kind": "public", "grants": ("client_credentials",), "redirects": ()},
        {"kind": "public", "trusted": True},
        {"kind": "private-key-jwt"},
        {"kind": "private-key-jwt", "jwks": "{}", "jwks_uri": "https://x.example"},
        {"kind": "private-key-jwt", "jwks": "x"},
        {"kind": "private-key-jwt", "jwks": '{"keys": []}'},
        {"kind": "private-key-jwt", "jwks": '{"keys": [{"kty": "oct", "k": "eHh4"}]}'},
        {"kind": "private-key-jwt", "jwks_uri": "http://partner.example/jwks"},
        {"kind": "private-key-jwt", "jwks_uri": "file:///etc/passwd"},
    ],
)
async def test_what_may_not_be_registered(shop: Shop, wrong: dict[str, Any]) -> None:
    with pytest.raises(ClientError):
        await shop.client(**wrong)


async def test_one_that_is_there_is_not_replaced_by_mistake(shop: Shop) -> None:
    client, secret = await shop.client(**_SERVICE)
    with pytest.raises(ConflictError) as refused:
        await shop.oauth.clients.register(replace(client, name="Another"), OPERATOR)
    assert refused.value.issues[0].message == "oauth.client-there"
    assert await shop.oauth.clients.find(client.id) == client
    assert (await shop.trade(client, secret, **_FORM)).status_code == 200


async def test_replacing_is_noted_and_brings_no_withdrawn_one_back(shop: Shop) -> None:
    client, _ = await shop.client(**_SERVICE)
    await shop.oauth.clients.replace(replace(client, name="Another"), OPERATOR)
    assert (shop.book.last.kind, shop.book.last.interaction, shop.book.last.action) == ("client", "register-anew", "U")
    assert (await shop.oauth.clients.find(client.id)).name == "Another"
    await shop.oauth.clients.withdraw(client.id, OPERATOR)
    with pytest.raises(ConflictError) as refused:
        await shop.oauth.clients.replace(client, OPERATOR)
    assert refused.value.issues[0].message == "oauth.client-withdrawn"


async def test_a_private_key_is_not_taken(shop: Shop, rsa: RSAKey) -> None:
    with pytest.raises(ClientError):
        await shop.client(kind="private-key-jwt", jwks=json.dumps({"keys": [rsa.as_dict(private=True)]}))
    with pytest.warns(SecurityWarning):
        weak = json.dumps({"keys": [RSAKey.generate_key(1024, {"kid": "w"}).as_dict(private=False)]})
    with pytest.raises(ClientError):
        await shop.client(kind="private-key-jwt", jwks=weak)


def test_the_scope_of_a_client_must_be_readable() -> None:
    with pytest.raises(Exception, match="scope-invalid"):
        read("patient/Observation.sr")
