"""Clients and signing keys are changed by who may and has just shown a second factor, or at the machine itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.security.oauth.conftest import Shop

from kuska.security.contracts import Caller
from kuska.security.domain.clients import Client
from kuska.security.errors import RefusedByPolicyError, StepUpError
from kuska.security.usecases.unrestricted import Unrestricted
from kuska.security.visit import Visit

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("HC-07")]

Attempt = Callable[[Shop, Client, Any], Awaitable[object]]
ATTEMPTS: dict[str, Attempt] = {
    "register": lambda shop, client, by: shop.oauth.clients.register(replace(client, id=""), by),
    "register-anew": lambda shop, client, by: shop.oauth.clients.replace(client, by),
    "withdraw": lambda shop, client, by: shop.oauth.clients.withdraw(client.id, by),
    "withdraw-partner": lambda shop, client, by: shop.oauth.clients.withdraw_partner(client.organization, by),
    "replace": lambda shop, _, by: shop.oauth.replace_keys(by),
}


class May(Unrestricted):
    def __init__(self, caller: Caller, *features: str) -> None:
        super().__init__(caller, "HOPERAT")
        self.features = features

    def may(self, feature: str) -> bool:
        return feature in self.features


def visit(shop: Shop, *features: str, minutes: float | None = 0) -> Visit:
    """Of a person who showed a second factor so many minutes ago, or none."""
    confirmed = None if minutes is None else shop.clock.now() - timedelta(minutes=minutes)
    caller = Caller(kind="person", account="boss", confirmed=confirmed)
    return Visit(May(caller, *features), shop.book, shop.clock)  # type: ignore[arg-type]


async def service(shop: Shop) -> Client:
    made, _ = await shop.client(
        grants=("client_credentials",), redirects=(), scope="system/*.rs", organization="org-steps"
    )
    return made


@pytest.mark.parametrize("what", ATTEMPTS)
async def test_without_a_fresh_factor_refused_and_noted(shop: Shop, what: str) -> None:
    client = await service(shop)
    keys = await shop.http.get("/oauth/jwks")
    for minutes in (None, 11, -1):
        with pytest.raises(StepUpError):
            await ATTEMPTS[what](shop, client, visit(shop, "clients.write", "keys.write", minutes=minutes))
        said = shop.book.last
        assert (said.interaction, said.outcome, said.reason) == (what, "4", "security.step-up")
        assert said.caller.account == "boss"
    await _untouched(shop, client, keys.json())


@pytest.mark.parametrize("what", ATTEMPTS)
async def test_with_one_it_is_done_in_the_persons_name(shop: Shop, what: str) -> None:
    client = await service(shop)
    await ATTEMPTS[what](shop, client, visit(shop, "clients.write", "keys.write", minutes=9))
    said = shop.book.last
    assert (said.interaction, said.outcome, said.caller.account) == (what, "0", "boss")


@pytest.mark.parametrize("what", ATTEMPTS)
async def test_who_may_not_and_who_comes_without_a_visit(shop: Shop, what: str) -> None:
    client = await service(shop)
    keys = await shop.http.get("/oauth/jwks")
    other = "clients.write" if what == "replace" else "keys.write"
    for by in (visit(shop, other, "roles.write"), Caller(kind="person", account="boss"), Caller(kind="partner")):
        with pytest.raises(RefusedByPolicyError):
            await ATTEMPTS[what](shop, client, by)
        assert (shop.book.last.interaction, shop.book.last.reason) == (what, "security.feature")
    await _untouched(shop, client, keys.json())


async def _untouched(shop: Shop, client: Client, keys: object) -> None:
    assert await shop.oauth.clients.find(client.id) == client
    assert (await shop.http.get("/oauth/jwks")).json() == keys
