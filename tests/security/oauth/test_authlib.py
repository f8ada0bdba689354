"""A client library that others use finds its way by discovery alone: code with PKCE, refresh, revocation, private_key_jwt."""

from __future__ import annotations

import warnings
from typing import Any

import httpx
import pytest
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from tests.security.oauth.conftest import BACK, FHIR, ISSUER, Proof, Shop

from kuska.kit.clock import SystemClock
from kuska.security.usecases.oauth.authorize import NeedsConsent, Redirect

with warnings.catch_warnings():
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)  # it would rather have httpx's successor
    from authlib.integrations.httpx_client import AsyncOAuth2Client

pytestmark = pytest.mark.requirement("HC-04")


@pytest.fixture
async def told(shop: Shop) -> dict[str, Any]:
    shop.clock.moment = SystemClock().now()  # the library looks at the machine's clock
    return (await shop.http.get("/fhir/.well-known/smart-configuration")).json()


def _transport(shop: Shop) -> httpx.AsyncBaseTransport:
    return shop.http._transport


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_code_with_pkce(shop: Shop, told: dict[str, Any], method: str) -> None:
    client, secret = await shop.client(kind="public" if method == "none" else "confidential-secret")
    session = await shop.signed_in(await shop.person())
    proof = Proof()
    async with AsyncOAuth2Client(
        client.id,
        secret or None,
        scope="openid fhirUser offline_access launch/patient patient/*.rs",
        redirect_uri=BACK,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        code_challenge_method="S256",
        transport=_transport(shop),
    ) as library:
        url, state = library.create_authorization_url(
            told["authorization_endpoint"], code_verifier=proof.verifier, aud=FHIR, nonce="n-1"
        )
        asked = await shop.oauth.authorize(httpx.URL(url).params.multi_items(), session)
        assert isinstance(asked, NeedsConsent)
        back = await shop.oauth.decide(asked.handle, session, asked.texts, "p-1")
        assert isinstance(back, Redirect)
        token = await library.fetch_token(
            told["token_endpoint"], authorization_response=back.url, state=state, code_verifier=proof.verifier
        )
        assert token["patient"] == "p-1"
        published = (await shop.http.get(told["jwks_uri"])).json()
        said = jwt.decode(token["id_token"], KeySet.import_key_set(published), ["RS256"]).claims
        assert (said["aud"], said["nonce"], said["iss"]) == (client.id, "n-1", ISSUER)
        first = token["access_token"]
        again = await library.refresh_token(told["token_endpoint"], refresh_token=token["refresh_token"])
        assert again["access_token"] != first
        userinfo = await library.get(f"{ISSUER}/oauth/userinfo")
        assert userinfo.json()["sub"] == session.account.id
        revoked = await library.revoke_token(
            told["revocation_endpoint"], token=again["refresh_token"], token_type_hint="refresh_token"
        )
        assert revoked.status_code == 200
        assert (await library.get(f"{ISSUER}/oauth/userinfo")).status_code == 401


async def test_a_backend_service(shop: Shop, told: dict[str, Any], rsa: RSAKey) -> None:
    client = await shop.backend(rsa)
    pem = rsa.as_pem(private=True).decode()
    async with AsyncOAuth2Client(
        client.id,
        pem,
        scope="system/Observation.rs",
        token_endpoint_auth_method="private_key_jwt",
        transport=_transport(shop),
    ) as library:
        library.register_client_auth_method(
            PrivateKeyJWT(told["token_endpoint"], alg="RS384", headers={"kid": rsa.kid}, claims={"exp": _soon(shop)})
        )
        token = await library.fetch_token(told["token_endpoint"], grant_type="client_credentials")
    assert shop.oauth.parts.tokens.check(token["access_token"]).account == client.id


def _soon(shop: Shop) -> int:
    return int(shop.clock.now().timestamp()) + 120
