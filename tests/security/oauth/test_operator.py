"""Tokens for whoever runs the machine."""

from __future__ import annotations

import pytest
from tests.security.oauth.conftest import OPERATOR, Shop

from kuska.kit.errors import IncorrectError, NotFoundError
from kuska.security.domain.scopes import ScopeError, render

pytestmark = pytest.mark.requirement("HC-04")


async def test_of_a_client(shop: Shop) -> None:
    client, _ = await shop.client(grants=("client_credentials",), redirects=(), scope="system/*.rs user/*.rs openid")
    caller = shop.oauth.parts.tokens.check(await shop.oauth.operator.for_client(client.id, ""))
    assert (caller.kind, caller.account, render(caller.scopes or ())) == ("service", client.id, "system/*.rs")
    fewer = await shop.oauth.operator.for_client(client.id, "system/Patient.cruds")
    assert render(shop.oauth.parts.tokens.check(fewer).scopes or ()) == "system/Patient.rs"
    with pytest.raises(IncorrectError):
        await shop.oauth.operator.for_client(client.id, "system/Patient.c")
    await shop.oauth.clients.withdraw(client.id, OPERATOR)
    for id_ in (client.id, "nobody", ""):
        with pytest.raises(NotFoundError):
            await shop.oauth.operator.for_client(id_, "")


async def test_of_a_person(shop: Shop) -> None:
    person = await shop.person()
    caller = shop.oauth.parts.tokens.check(await shop.oauth.operator.for_account(person, ""))
    assert (caller.account, caller.roles, caller.practitioner) == (person.id, ("physician",), "dr-1")
    assert (render(caller.scopes or ()), caller.methods) == ("user/*.cruds patient/*.cruds", ("operator",))
    assert shop.book.last.interaction == "operator"
    assert ("subject", person.id) in shop.book.last.detail
    with pytest.raises(IncorrectError):
        await shop.oauth.operator.for_account(person, "system/*.rs")
    with pytest.raises(ScopeError):
        await shop.oauth.operator.for_account(person, "nonsense")
    with pytest.raises(IncorrectError):
        await shop.oauth.operator.for_account(await shop.person(status="disabled"), "")
