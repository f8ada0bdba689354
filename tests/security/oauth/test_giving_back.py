"""Revocation, introspection, discovery: what the server says and to whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from tests.security.oauth.conftest import BACK, FHIR, ISSUER, OPERATOR, Proof, Shop

from kuska.security.contracts import Event
from kuska.security.errors import NobodyError

pytestmark = pytest.mark.requirement("HC-04", "QX-10")


async def _opens(shop: Shop, token: str) -> bool:
    try:
        shop.oauth.parts.tokens.check(token)
    except NobodyError:
        return False
    return True


async def test_an_access_token_given_back_takes_only_itself(shop: Shop) -> None:
    client, secret = await shop.client()
    session = await shop.signed_in(await shop.person())
    given = await shop.tokens(client, secret, session)
    form = {"client_id": client.id, "client_secret": secret}
    answer = await shop.post("/oauth/revoke", **form, token=given["access_token"], token_type_hint="refresh_token")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert not await _opens(shop, given["access_token"])
    refreshed = await shop.trade(client, secret, grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert await _opens(shop, refreshed.json()["access_token"])


async def test_a_refresh_token_given_back_takes_the_grant(shop: Shop) -> None:
    client, secret = await shop.client()
    given = await shop.tokens(client, secret, await shop.signed_in(await shop.person()))
    await shop.post("/oauth/revoke", auth=(client.id, secret), token=given["refresh_token"])
    assert not await _opens(shop, given["access_token"])
    refused = await shop.trade(client, secret, grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert refused.status_code == 400
    assert any(event.interaction == "revoked" for event in shop.book.events)


async def test_nobody_gives_back_what_is_anothers_nor_learns_of_it(shop: Shop) -> None:
    client, secret = await shop.client()
    thief, thiefs = await shop.client()
    given = await shop.tokens(client, secret, await shop.signed_in(await shop.person()))
    answers = [
        await shop.post("/oauth/revoke", auth=(thief.id, thiefs), token=token)
        for token in (given["access_token"], given["refresh_token"], "nonsense")
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, "{}")}
    assert await _opens(shop, given["access_token"])
    assert (await shop.post("/oauth/revoke", token=given["access_token"])).status_code == 401
    assert (await shop.post("/oauth/revoke", auth=(client.id, secret))).status_code == 400


async def test_introspection_needs_a_client_that_proves_who_it_is(shop: Shop) -> None:
    client, secret = await shop.client()
    given = await shop.tokens(client, secret, await shop.signed_in(await shop.person()))
    token = given["access_token"]
    public, _ = await shop.client(kind="public")
    for answer in (
        await shop.post("/oauth/introspect", token=token),
        await shop.post("/oauth/introspect", token=token, client_id=client.id),
        await shop.post("/oauth/introspect", auth=(client.id, "x"), token=token),
        await shop.post("/oauth/introspect", token=token, client_id=public.id),
        await shop.http.post("/oauth/introspect", data={"token": token}, headers={"authorization": f"Bearer {token}"}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_introspection_tells_a_client_of_its_own_and_a_resource_server_of_all(shop: Shop) -> None:
    client, secret = await shop.client()
    other, others = await shop.client()
    server, servers = await shop.client(
        grants=("client_credentials",), redirects=(), scope="system/*.rs", introspects=True
    )
    session = await shop.signed_in(await shop.person())
    given = await shop.tokens(
        client, secret, session, "p-3", scope="openid fhirUser launch/patient patient/*.rs offline_access"
    )

    async def look(auth: tuple[str, str], token: str) -> dict[str, Any]:
        return (await shop.post("/oauth/introspect", auth=auth, token=token)).json()

    told = await look((client.id, secret), given["access_token"])
    assert (told["active"], told["sub"], told["client_id"], told["patient"]) == (
        True,
        session.account.id,
        client.id,
        "p-3",
    )
    assert (told["scope"], told["fhirUser"], told["aud"]) == (given["scope"], f"{FHIR}/Practitioner/dr-1", FHIR)
    assert (await look((server.id, servers), given["access_token"]))["active"]
    refresh = await look((client.id, secret), given["refresh_token"])
    assert refresh["active"]
    assert refresh["client_id"] == client.id
    inactive = {"active": False}
    assert await look((other.id, others), given["access_token"]) == inactive
    assert await look((other.id, others), given["refresh_token"]) == inactive
    assert await look((client.id, secret), "nonsense") == inactive
    shop.clock.advance(timedelta(minutes=10))
    assert await look((client.id, secret), given["access_token"]) == inactive
    await shop.post("/oauth/revoke", auth=(client.id, secret), token=given["refresh_token"])
    assert await look((client.id, secret), given["refresh_token"]) == inactive


async def test_what_is_no_form_is_not_read(shop: Shop) -> None:
    client, secret = await shop.client(grants=("client_credentials",), redirects=(), scope="system/*.rs")
    form = {"grant_type": "client_credentials", "scope": "system/*.rs", "client_id": client.id, "client_secret": secret}
    http = shop.http
    kind = {"content-type": "application/x-www-form-urlencoded"}
    body = f"grant_type=client_credentials&scope=system/*.rs&client_id={client.id}&client_secret={secret}"
    assert (await http.post("/oauth/token", content=body, headers=kind)).status_code == 200
    for answer in (
        await http.post("/oauth/token", json=form),
        await http.post("/oauth/token", params=form),
        await http.post("/oauth/token", params={"client_secret": secret}, data=form),
        await http.post("/oauth/token", files={"a": b"x"}, data=form),
        await http.post("/oauth/token", content=body + "&scope=system/*.cruds", headers=kind),
        await http.post("/oauth/token", content=body + "&client_id=other", headers=kind),
        await http.post("/oauth/token", content=b"\xff\xfe=1", headers=kind),
        await http.post("/oauth/token", content="&".join(f"a{n}=1" for n in range(60)), headers=kind),
        await http.post("/oauth/token", content=body + "&x=%00", headers=kind),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert secret not in answer.text
    assert (await http.post("/oauth/token", content="a=" + "x" * 70_000, headers=kind)).status_code == 413
    assert (await http.get("/oauth/token", params=form)).status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/oauth/token",
        "/oauth/revoke",
        "/oauth/userinfo",
        "/oauth/jwks",
        "/.well-known/openid-configuration",
        "/fhir/.well-known/smart-configuration",
    ],
)
async def test_browsers_of_any_origin_may_ask_without_cookies(shop: Shop, path: str) -> None:
    answer = await shop.http.options(path, headers={"origin": "https://app.example.org"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")
    assert "access-control-allow-credentials" not in answer.headers
    refused = await shop.post("/oauth/token")
    assert refused.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/fhir/.well-known/smart-configuration",
    ],
)
async def test_discovery_names_endpoints_that_exist(shop: Shop, path: str) -> None:
    answer = await shop.http.get(path)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    told = answer.json()
    assert told["issuer"] == ISSUER
    assert told["code_challenge_methods_supported"] == ["S256"]
    for name, url in told.items():
        if name.endswith(("_endpoint", "jwks_uri")) and name != "authorization_endpoint":
            found = await shop.http.post(url) if "jwks" not in name else await shop.http.get(url)
            assert found.status_code not in (404, 405), url


async def test_smart_says_what_it_can(shop: Shop) -> None:
    told = (await shop.http.get("/fhir/.well-known/smart-configuration")).json()
    assert {"launch-ehr", "launch-standalone", "permission-v2", "client-confidential-asymmetric"} <= set(
        told["capabilities"]
    )
    assert "authorize-post" not in told["capabilities"]
    style = await shop.http.get("/oauth/smart-style.json")
    assert style.json()["color_background"] == "#ffffff"


async def test_everything_leaves_its_line_and_no_secret_in_it(shop: Shop, rsa: RSAKey) -> None:
    client, secret = await shop.client()
    session = await shop.signed_in(await shop.person())
    proof = Proof()
    code = await shop.code(client, session, proof)
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": proof.verifier, "redirect_uri": BACK}
    given = (await shop.trade(client, secret, **form)).json()
    await shop.trade(client, secret, grant_type="refresh_token", refresh_token=given["refresh_token"])
    await shop.trade(client, secret, grant_type="refresh_token", refresh_token="wrong")
    await shop.trade(client, "wrong", grant_type="refresh_token", refresh_token="wrong")
    await shop.post("/oauth/revoke", auth=(client.id, secret), token=given["access_token"])
    await shop.oauth.clients.withdraw(client.id, OPERATOR)
    said = [(event.kind, event.interaction, event.outcome) for event in shop.book.events]
    assert said == [
        ("client", "register", "0"),
        ("token", "consent", "0"),
        ("token", "issued", "0"),
        ("token", "issued", "0"),
        ("token", "refresh_token", "4"),
        ("token", "client-login", "4"),
        ("token", "revoked", "0"),
        ("client", "withdraw", "0"),
    ]
    _no_secret(shop.book.events, secret, code, proof.verifier, given["access_token"], given["refresh_token"])
    async with shop.db.read() as conn:
        rows = await conn.fetchval("select count(*) from security.event where client = $1", client.id)
    assert rows == 4  # what failed is in the journal


def _no_secret(events: list[Event], *secrets: str) -> None:
    text = str(events)
    for secret in secrets:
        assert secret not in text


@pytest.mark.requirement("LW-33")
async def test_nul_is_nothing_that_was_ever_given_out(shop: Shop) -> None:
    client, secret = await shop.client()
    for path in ("/oauth/token", "/oauth/revoke", "/oauth/introspect"):
        form = {"grant_type": "authorization_code", "code": "a\0", "token": "a\0"}
        assert (await shop.post(path, auth=(client.id, secret), **form)).status_code == 400
        assert (await shop.post(path, auth=("a\0", "b\0"), token="a", grant_type="client_credentials")).status_code in (
            400,
            401,
        )
