"""Refresh tokens: each works once, and a second showing ends all that came from the same consent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.security.oauth.conftest import OPERATOR, Shop

from kuska.security.domain.clients import Client
from kuska.security.domain.scopes import read
from kuska.security.errors import NobodyError

pytestmark = pytest.mark.requirement("HC-04", "QX-10")


async def _begin(shop: Shop, **given: Any) -> tuple[Client, str, dict[str, Any]]:
    client, secret = await shop.client(**given)
    session = await shop.signed_in(await shop.person())
    return client, secret, await shop.tokens(client, secret, session)


async def _refresh(shop: Shop, client: Client, secret: str, token: str, **more: str) -> tuple[int, dict[str, Any]]:
    answer = await shop.trade(client, secret, grant_type="refresh_token", refresh_token=token, **more)
    return answer.status_code, answer.json()


async def test_a_replayed_one_ends_the_family(shop: Shop) -> None:
    client, secret, first = await _begin(shop)
    _, second = await _refresh(shop, client, secret, first["refresh_token"])
    shop.clock.advance(timedelta(minutes=1))
    status, refused = await _refresh(shop, client, secret, first["refresh_token"])
    assert (status, refused["error"]) == (400, "invalid_grant")
    assert (shop.book.last.interaction, shop.book.last.reason) == ("grant-ended", "security.refresh-reused")
    # Neither the thief's tokens nor the owner's are worth anything now.
    assert (await _refresh(shop, client, secret, second["refresh_token"]))[0] == 400
    for token in (first["access_token"], second["access_token"]):
        with pytest.raises(NobodyError):
            shop.oauth.parts.tokens.check(token)


async def test_a_consent_ends_however_often_it_is_refreshed(shop: Shop) -> None:
    """Ninety days after it was given, the person is asked again."""
    client, secret, given = await _begin(shop)
    for _ in range(4):
        shop.clock.advance(timedelta(days=20))
        status, given = await _refresh(shop, client, secret, given["refresh_token"])
        assert status == 200
    shop.clock.advance(timedelta(days=10))
    status, refused = await _refresh(shop, client, secret, given["refresh_token"])
    assert (status, refused["error"]) == (400, "invalid_grant")
    assert shop.book.last.reason == "security.refresh-expired"


async def test_a_client_that_may_not_refresh_gets_nothing_to_refresh_with(shop: Shop) -> None:
    client, secret = await shop.client(grants=("authorization_code",))
    session = await shop.signed_in(await shop.person())
    given = await shop.tokens(client, secret, session)
    assert "offline_access" in given["scope"]
    assert "refresh_token" not in given


async def test_a_client_that_proved_who_it_is_may_ask_again_at_once_and_gets_an_error_only(shop: Shop) -> None:
    client, secret, first = await _begin(shop)
    _, second = await _refresh(shop, client, secret, first["refresh_token"])
    shop.clock.advance(timedelta(seconds=5))
    assert (await _refresh(shop, client, secret, first["refresh_token"]))[0] == 400
    assert shop.book.last.reason == "security.refresh-retried"
    assert (await _refresh(shop, client, secret, second["refresh_token"]))[0] == 200


async def test_a_client_without_a_secret_has_no_grace(shop: Shop) -> None:
    client, _, first = await _begin(shop, kind="public")
    _, second = await _refresh(shop, client, "", first["refresh_token"])
    assert (await _refresh(shop, client, "", first["refresh_token"]))[0] == 400
    assert (await _refresh(shop, client, "", second["refresh_token"]))[0] == 400
    with pytest.raises(NobodyError):
        shop.oauth.parts.tokens.check(second["access_token"])


@pytest.mark.parametrize("kind", ["public", "confidential-secret"])
async def test_of_many_at_once_one_wins(shop: Shop, kind: str) -> None:
    client, secret, first = await _begin(shop, kind=kind)
    answers = await asyncio.gather(*(_refresh(shop, client, secret, first["refresh_token"]) for _ in range(4)))
    won = [answer for status, answer in answers if status == 200]
    assert len(won) <= 1
    if kind == "public":
        for answer in won:
            with pytest.raises(NobodyError):
                shop.oauth.parts.tokens.check(answer["access_token"])
    else:
        assert (await _refresh(shop, client, secret, won[0]["refresh_token"]))[0] == 200


async def test_another_clients_token_is_nothing_and_stays_good(shop: Shop) -> None:
    client, secret, first = await _begin(shop)
    thief, thiefs = await shop.client()
    status, refused = await _refresh(shop, thief, thiefs, first["refresh_token"])
    assert (status, refused["error"]) == (400, "invalid_grant")
    assert (await _refresh(shop, client, secret, first["refresh_token"]))[0] == 200


@pytest.mark.parametrize(
    "scope",
    [
        "user/Observation.cruds",
        "user/*.rs",
        "user/Patient.rs",
        "openid profile",
        "system/*.rs",
        "patient/Patient.rs",
        "x",
    ],
)
async def test_no_more_than_was_granted_and_asking_does_not_cost_the_token(shop: Shop, scope: str) -> None:
    client, secret, first = await _begin(shop)
    status, refused = await _refresh(shop, client, secret, first["refresh_token"], scope=scope)
    assert (status, refused["error"]) == (400, "invalid_scope")
    assert (await _refresh(shop, client, secret, first["refresh_token"]))[0] == 200


async def test_less_once_is_not_less_for_ever(shop: Shop) -> None:
    client, secret, first = await _begin(shop)
    _, second = await _refresh(shop, client, secret, first["refresh_token"], scope="user/Observation.r")
    _, third = await _refresh(shop, client, secret, second["refresh_token"])
    assert third["scope"] == first["scope"]


async def test_what_the_client_may_no_longer_have_is_not_refreshed(shop: Shop) -> None:
    client, secret, first = await _begin(shop)
    less = replace(client, scope=read("openid offline_access user/Patient.rs"))
    _, secret = await shop.oauth.clients.replace(less, OPERATOR)
    _, second = await _refresh(shop, client, secret, first["refresh_token"])
    assert second["scope"] == "openid offline_access"


@pytest.mark.parametrize("token", ["", "x", "x" * 5000, "\u00f1", "a\0b"])
async def test_what_is_no_refresh_token(shop: Shop, token: str) -> None:
    client, secret, _ = await _begin(shop)
    status, refused = await _refresh(shop, client, secret, token)
    assert status == 400
    assert refused["error"] in ("invalid_grant", "invalid_request")


async def test_an_access_token_does_not_refresh(shop: Shop) -> None:
    client, secret, first = await _begin(shop)
    assert (await _refresh(shop, client, secret, first["access_token"]))[0] == 400


async def test_unused_for_too_long(shop: Shop) -> None:
    client, secret, first = await _begin(shop)
    shop.clock.advance(timedelta(days=30))
    assert (await _refresh(shop, client, secret, first["refresh_token"]))[1]["error"] == "invalid_grant"


async def test_online_access_ends_with_the_session(shop: Shop) -> None:
    client, secret = await shop.client()
    session = await shop.signed_in(await shop.person())
    first = await shop.tokens(client, secret, session, scope="openid online_access user/Observation.rs")
    status, second = await _refresh(shop, client, secret, first["refresh_token"])
    assert status == 200
    async with shop.db.write() as tx:
        await tx.execute("delete from security.session where id = $1", session.id)
    assert (await _refresh(shop, client, secret, second["refresh_token"]))[1]["error"] == "invalid_grant"
    assert shop.book.last.reason == "security.grant-ended"
    await shop.oauth.parts.tokens.load()
    with pytest.raises(NobodyError):
        shop.oauth.parts.tokens.check(second["access_token"])


async def test_offline_access_outlives_the_session(shop: Shop) -> None:
    client, secret = await shop.client()
    session = await shop.signed_in(await shop.person())
    first = await shop.tokens(client, secret, session)
    async with shop.db.write() as tx:
        await tx.execute("delete from security.session where id = $1", session.id)
    await shop.oauth.parts.tokens.load()
    shop.oauth.parts.tokens.check(first["access_token"])
    assert (await _refresh(shop, client, secret, first["refresh_token"]))[0] == 200


async def test_online_access_of_a_session_that_ran_out(shop: Shop) -> None:
    client, secret = await shop.client()
    session = await shop.signed_in(await shop.person())
    first = await shop.tokens(client, secret, session, scope="openid online_access user/Observation.rs")
    async with shop.db.write() as tx:
        await tx.execute("update security.session set ends = $2 where id = $1", session.id, shop.clock.now())
    assert (await _refresh(shop, client, secret, first["refresh_token"]))[1]["error"] == "invalid_grant"
    assert shop.book.last.reason == "security.session-ended"
    shop.clock.advance(timedelta(hours=12))
    assert (await _refresh(shop, client, secret, first["refresh_token"]))[1]["error"] == "invalid_grant"
    assert shop.book.last.reason == "security.refresh-expired"


async def test_without_a_word_about_access_there_is_no_refresh_token(shop: Shop) -> None:
    client, secret = await shop.client()
    session = await shop.signed_in(await shop.person())
    assert "refresh_token" not in await shop.tokens(client, secret, session, scope="openid user/Observation.rs")


async def test_roles_are_those_of_today(shop: Shop) -> None:
    client, secret = await shop.client()
    person = await shop.person(roles=("physician", "steward"))
    first = await shop.tokens(client, secret, await shop.signed_in(person))
    async with shop.db.write() as tx:
        await tx.execute(
            "update security.account set roles = '{physician}', updated = $2 where id = $1", person.id, shop.clock.now()
        )
    await shop.oauth.parts.tokens.load()
    with pytest.raises(NobodyError) as refused:
        shop.oauth.parts.tokens.check(first["access_token"])
    assert refused.value.reason == "security.token-withdrawn"
    shop.clock.advance(timedelta(seconds=2))
    _, second = await _refresh(shop, client, secret, first["refresh_token"])
    assert shop.oauth.parts.tokens.check(second["access_token"]).roles == ("physician",)


async def test_a_disabled_account_has_nothing(shop: Shop) -> None:
    client, secret = await shop.client()
    person = await shop.person()
    first = await shop.tokens(client, secret, await shop.signed_in(person))
    async with shop.db.write() as tx:
        await tx.execute(
            "update security.account set status = 'disabled', updated = $2 where id = $1", person.id, shop.clock.now()
        )
    await shop.oauth.parts.tokens.load()
    with pytest.raises(NobodyError):
        shop.oauth.parts.tokens.check(first["access_token"])
    assert (await _refresh(shop, client, secret, first["refresh_token"]))[1]["error"] == "invalid_grant"
