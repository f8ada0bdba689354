"""A scope whose restriction nobody could decide is refused where it is asked for, instead of opening nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.security.oauth.conftest import NOON, OPERATOR, Shop, answered, open_shop

from kuska.fhir.api import restricts
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SetClock
from kuska.security.domain.clients import ClientError
from kuska.security.domain.scopes import read

pytestmark = [pytest.mark.requirement("HC-04")]
GOOD, BAD = "Observation.rs?category=laboratory", "Observation.rs?date=gt2026-01-01"


@pytest.fixture
async def strict(shop_db: Database) -> AsyncIterator[Shop]:
    """A shop whose record is the real one."""
    one = await open_shop(shop_db, SetClock(NOON), decidable=restricts)
    yield one
    await one.oauth.parts.tokens.settled()
    await one.http.aclose()


async def test_a_client_is_not_registered_with_it(strict: Shop) -> None:
    with pytest.raises(ClientError) as refused:
        await strict.client(scope=f"user/{GOOD} user/{BAD}")
    (issue,) = refused.value.issues
    assert (issue.message, issue.params["scope"]) == ("oauth.client-restriction", f"user/{BAD}")
    await strict.client(scope=f"user/{GOOD}")


async def test_a_person_is_not_asked_for_it(strict: Shop) -> None:
    client, secret = await strict.client()
    session = await strict.signed_in(await strict.person())
    assert answered(await strict.ask(client, session, scope=f"openid user/{BAD}"))["error"] == "invalid_scope"
    # One that is not this client's is granted to nobody, as any other.
    other, others = await strict.client(scope="openid user/Patient.rs")
    assert (await strict.tokens(other, others, session, scope=f"user/Patient.rs user/{BAD}"))[
        "scope"
    ] == "user/Patient.rs"
    given = await strict.tokens(client, secret, session, scope=f"offline_access user/{GOOD}")
    assert given["scope"] == f"offline_access user/{GOOD}"


async def test_a_refresh_is_not_narrowed_to_it(strict: Shop) -> None:
    client, secret = await strict.client()
    session = await strict.signed_in(await strict.person())
    token = (await strict.tokens(client, secret, session))["refresh_token"]
    for scope, status in ((f"user/{BAD}", 400), (f"user/{GOOD}", 200)):
        answer = await strict.trade(client, secret, grant_type="refresh_token", refresh_token=token, scope=scope)
        assert answer.status_code == status, answer.text
    assert answer.json()["scope"] == f"user/{GOOD}"


async def test_a_service_does_not_get_it(strict: Shop) -> None:
    client, secret = await strict.client(grants=("client_credentials",), redirects=(), scope="system/*.rs")
    refused = await strict.trade(client, secret, grant_type="client_credentials", scope=f"system/{GOOD} system/{BAD}")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    assert strict.book.last.reason == "security.scope-restriction"
    for scope in ("system/*.rs?category=laboratory", "system/Observation.rs?code:in=http://example.org/set"):
        assert (await strict.trade(client, secret, grant_type="client_credentials", scope=scope)).status_code == 400
    given = await strict.trade(client, secret, grant_type="client_credentials", scope=f"system/{GOOD}")
    assert given.json()["scope"] == f"system/{GOOD}"


async def test_the_operator_does_not_give_it(strict: Shop) -> None:
    with pytest.raises(ClientError):
        await strict.oauth.operator.for_account(await strict.person(), f"user/{BAD}")


async def test_a_client_of_before_is_refused_and_not_served_nothing(shop: Shop, strict: Shop) -> None:
    old, secret = await shop.client(grants=("client_credentials",), redirects=(), scope=f"system/{BAD}")
    form = {"grant_type": "client_credentials", "scope": "system/Observation.rs"}
    assert (await strict.trade(old, secret, **form)).json()["error"] == "invalid_scope"
    # The way out: it is registered anew.
    mended, secret = await strict.oauth.clients.replace(replace(old, scope=read(f"system/{GOOD}")), OPERATOR)
    assert (await strict.trade(mended, secret, **form)).status_code == 200
