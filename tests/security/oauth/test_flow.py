"""The good ways: from a request to tokens, refreshed, used, given back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from tests.security.oauth.conftest import FHIR, ISSUER, Shop, answered

from kuska.security.domain.scopes import render
from kuska.security.errors import NobodyError
from kuska.security.usecases.oauth.authorize import NeedsConsent, NeedsLogin

pytestmark = pytest.mark.requirement("HC-04")


async def test_a_person_lets_an_application_act(shop: Shop) -> None:
    client, secret = await shop.client()
    session = await shop.signed_in(await shop.person())
    given = await shop.tokens(client, secret, session)
    assert given["token_type"] == "Bearer"
    assert given["expires_in"] == 600
    assert given["scope"] == "openid fhirUser offline_access user/Observation.rs"
    caller = shop.oauth.parts.tokens.check(given["access_token"])
    assert (caller.account, caller.client, caller.roles) == (session.account.id, client.id, ("physician",))
    assert render(caller.scopes or ()) == "user/Observation.rs"
    assert (caller.practitioner, caller.tenant, caller.country) == ("dr-1", "demo", "PE")
    assert (caller.methods, caller.authenticated) == (("pwd",), session.authenticated)
    assert shop.book.last.interaction == "issued"


async def test_the_identity_token_is_for_the_client_and_names_no_person(shop: Shop) -> None:
    client, secret = await shop.client()
    session = await shop.signed_in(await shop.person())
    given = await shop.tokens(client, secret, session)
    published = (await shop.http.get("/oauth/jwks")).json()
    said = jwt.decode(given["id_token"], KeySet.import_key_set(published), ["RS256"]).claims
    assert (said["iss"], said["aud"], said["nonce"]) == (ISSUER, client.id, "no-1")
    assert said["fhirUser"] == f"{FHIR}/Practitioner/dr-1"
    access = jwt.decode(given["access_token"], KeySet.import_key_set(published), ["RS256"])
    assert access.header["typ"] == "at+jwt"
    assert "Ana" not in str(access.claims)
    assert "Ana" not in str(said)


async def test_who_comes_from_another_country_stays_a_foreigner(shop: Shop) -> None:
    """Whether such a caller is let in is the policy's to say; the token must not naturalise them."""
    client, secret = await shop.client()
    given = await shop.tokens(client, secret, await shop.signed_in(await shop.person(country="CL")))
    assert shop.oauth.parts.tokens.check(given["access_token"]).country == "CL"
    abroad, key = await shop.client(grants=("client_credentials",), redirects=(), scope="system/*.rs", country="CL")
    own = (await shop.trade(abroad, key, grant_type="client_credentials", scope="system/*.rs")).json()
    assert shop.oauth.parts.tokens.check(own["access_token"]).country == "CL"


async def test_an_identity_token_is_no_access_token(shop: Shop) -> None:
    client, secret = await shop.client()
    given = await shop.tokens(client, secret, await shop.signed_in(await shop.person()))
    with pytest.raises(NobodyError):
        shop.oauth.parts.tokens.check(given["id_token"])


async def test_who_is_not_signed_in_signs_in_and_comes_back(shop: Shop) -> None:
    client, _ = await shop.client()
    outcome = await shop.ask(client, None)
    assert isinstance(outcome, NeedsLogin)
    session = await shop.signed_in(await shop.person())
    consent = await shop.oauth.authorize([("handle", outcome.handle)], session)
    assert isinstance(consent, NeedsConsent)
    assert consent.texts == ("openid", "fhirUser", "offline_access", "user/Observation.rs")
    back = answered(await shop.oauth.decide(consent.handle, session, ["openid", "user/Observation.rs"]))
    assert back["state"] == "st-1"
    assert back["iss"] == ISSUER


@pytest.mark.parametrize("which", ["rsa", "ec"])
async def test_a_service_acts_for_itself(shop: Shop, which: str, request: pytest.FixtureRequest) -> None:
    key: RSAKey | ECKey = request.getfixturevalue(which)
    client = await shop.backend(
        key, roles=("integrator",), purposes=("HOPERAT",), organization="org-1", party="partner"
    )
    answer = await shop.post(
        "/oauth/token",
        grant_type="client_credentials",
        scope="system/Observation.rs system/Patient.cruds user/Patient.r",
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion=shop.assertion(client, key),
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json()
    assert given["scope"] == "system/Observation.rs system/Patient.rs"
    assert "refresh_token" not in given
    caller = shop.oauth.parts.tokens.check(given["access_token"])
    assert (caller.kind, caller.account, caller.client) == ("partner", client.id, client.id)
    assert (caller.roles, caller.purpose, caller.organization) == (("integrator",), "HOPERAT", "org-1")


async def test_a_secret_in_the_header_or_in_the_form(shop: Shop) -> None:
    client, secret = await shop.client(grants=("client_credentials",), redirects=(), scope="system/*.rs")
    form = {"grant_type": "client_credentials", "scope": "system/*.rs"}
    assert (await shop.post("/oauth/token", auth=(client.id, secret), **form)).status_code == 200
    assert (await shop.trade(client, secret, **form)).status_code == 200


async def test_refreshing_gives_new_tokens_and_the_old_one_is_used_up(shop: Shop) -> None:
    client, secret = await shop.client()
    session = await shop.signed_in(await shop.person())
    first = await shop.tokens(client, secret, session)
    answer = await shop.trade(client, secret, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert answer.status_code == 200
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == first["scope"]
    shop.oauth.parts.tokens.check(second["access_token"])
    fewer = await shop.trade(
        client, secret, grant_type="refresh_token", refresh_token=second["refresh_token"], scope="user/Observation.r"
    )
    assert fewer.json()["scope"] == "user/Observation.r"


async def test_a_public_client_has_no_secret(shop: Shop) -> None:
    client, secret = await shop.client(kind="public")
    assert secret == ""
    given = await shop.tokens(client, "", await shop.signed_in(await shop.person()))
    answer = await shop.trade(client, "", grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert answer.status_code == 200


async def test_who_consented_is_not_asked_again_unless_the_client_has_no_secret(shop: Shop) -> None:
    session = await shop.signed_in(await shop.person())
    client, secret = await shop.client()
    await shop.tokens(client, secret, session)
    assert "code" in answered(await shop.ask(client, session, prompt="none"))
    assert isinstance(await shop.ask(client, session, scope="openid user/Patient.rs"), NeedsConsent)
    assert isinstance(await shop.ask(client, session, prompt="consent"), NeedsConsent)
    public, _ = await shop.client(kind="public")
    await shop.tokens(public, "", session)
    assert isinstance(await shop.ask(public, session), NeedsConsent)
    assert answered(await shop.ask(public, session, prompt="none"))["error"] == "interaction_required"


async def test_a_yes_outlives_the_session_but_not_a_change_of_mind(shop: Shop) -> None:
    person = await shop.person()
    client, secret = await shop.client()
    scope = "openid user/Observation.rs"
    await shop.tokens(client, secret, await shop.signed_in(person), scope=scope)
    async with shop.db.write() as tx:
        await tx.execute("delete from security.session where account = $1", person.id)
    session = await shop.signed_in(person)
    given = await shop.tokens(client, secret, session, scope=scope)
    assert "code" in answered(await shop.ask(client, session, scope=scope, prompt="none"))
    (granted, *_) = await shop.oauth.granted(person.id)
    await shop.oauth.end(person.id, granted.id, session.caller(""))
    assert isinstance(await shop.ask(client, session, scope=scope), NeedsConsent)
    # Fewer than before is what counts from then on.
    asked = await shop.ask(client, session, scope=scope)
    assert isinstance(asked, NeedsConsent)
    await shop.oauth.decide(asked.handle, session, ["openid"])
    assert isinstance(await shop.ask(client, session, scope=scope), NeedsConsent)
    assert "code" in answered(await shop.ask(client, session, scope="openid"))
    assert given["scope"] == scope
    shop.clock.advance(timedelta(days=91))
    assert isinstance(await shop.ask(client, await shop.signed_in(person), scope="openid"), NeedsConsent)


async def test_the_institutions_own_client_asks_nobody(shop: Shop) -> None:
    client, secret = await shop.client(trusted=True)
    session = await shop.signed_in(await shop.person())
    assert "code" in answered(await shop.ask(client, session))
    assert shop.book.last.interaction == "granted", "nobody agreed to anything just now"
    await shop.tokens(client, secret, session, prompt="consent")
    said = [event.interaction for event in shop.book.events if event.caller.account == session.account.id]
    assert "consent" in said, "asked for once, it is a person's yes"


async def test_a_client_without_a_secret_asks_whatever_it_was_registered_as(shop: Shop) -> None:
    """One that came into the table before it was refused."""
    client, _ = await shop.client(kind="public")
    async with shop.db.write() as tx:
        await tx.execute("update security.client set trusted = true where id = $1", client.id)
    session = await shop.signed_in(await shop.person())
    assert isinstance(await shop.ask(client, session), NeedsConsent)
    assert answered(await shop.ask(client, session, prompt="none"))["error"] == "interaction_required"


async def test_userinfo(shop: Shop) -> None:
    client, secret = await shop.client()
    session = await shop.signed_in(await shop.person())
    given = await shop.tokens(client, secret, session, scope="openid profile user/Observation.rs", prompt="consent")
    bearer = {"authorization": f"Bearer {given['access_token']}"}
    answer = await shop.http.get("/oauth/userinfo", headers=bearer)
    assert answer.json() == {
        "sub": session.account.id,
        "fhirUser": f"{FHIR}/Practitioner/dr-1",
        "name": "Ana de Prueba",
    }
    plain = await shop.tokens(client, secret, session, scope="user/Observation.rs", prompt="consent")
    bearer = {"authorization": f"Bearer {plain['access_token']}"}
    assert (await shop.http.get("/oauth/userinfo", headers=bearer)).status_code == 403
    assert (await shop.http.get("/oauth/userinfo")).status_code == 401
    assert (await shop.http.get("/oauth/userinfo", headers={"authorization": "Bearer x"})).status_code == 401


async def test_a_person_sees_and_ends_what_they_granted(shop: Shop) -> None:
    client, secret = await shop.client()
    session = await shop.signed_in(await shop.person())
    given = await shop.tokens(client, secret, session)
    (granted,) = await shop.oauth.granted(session.account.id)
    assert (granted.client, granted.name) == (client.id, "Aplicación")
    await shop.oauth.end(session.account.id, granted.id, session.caller(""))
    assert await shop.oauth.granted(session.account.id) == []
    with pytest.raises(NobodyError):
        shop.oauth.parts.tokens.check(given["access_token"])
    answer = await shop.trade(client, secret, grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert answer.json()["error"] == "invalid_grant"
