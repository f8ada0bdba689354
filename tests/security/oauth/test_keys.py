"""Signing keys: shown before they sign, kept until their last token has expired, sealed where they lie."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.security.oauth.conftest import NOON, OPERATOR, RING, SETTINGS, Shop, open_shop

from kuska.infra.postgres.database import Database
from kuska.kit.clock import SetClock
from kuska.kit.errors import UnavailableError
from kuska.security.contracts import Caller
from kuska.security.domain.scopes import asked
from kuska.security.errors import NobodyError
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.oauth.keys import SigningKeys

pytestmark = pytest.mark.requirement("HC-04", "QX-10")
_CALLER = Caller(kind="service", account="a-1", client="a-1", tenant="demo", country="PE")


async def _kids(shop: Shop) -> list[str]:
    return [key["kid"] for key in (await shop.http.get("/oauth/jwks")).json()["keys"]]


def _token(shop: Shop) -> str:
    return shop.oauth.parts.tokens.issue(_CALLER, asked("system/*.rs"))[0]


async def test_a_key_takes_over_without_anybody_noticing(fresh_db: Database) -> None:
    shop = await open_shop(fresh_db, SetClock(NOON))
    tokens = shop.oauth.parts.tokens
    (first,) = await _kids(shop)
    await shop.oauth.tend()
    assert await _kids(shop) == [first]
    shop.clock.advance(timedelta(days=90))
    await shop.oauth.tend()
    second, first_again = await _kids(shop)
    assert first_again == first
    # Shown, but not signing yet.
    assert tokens.keys.current().kid == first
    shop.clock.advance(timedelta(minutes=9))
    old = _token(shop)
    shop.clock.advance(timedelta(minutes=1))
    assert tokens.keys.current().kid == second
    tokens.check(old)
    tokens.check(_token(shop))
    shop.clock.advance(timedelta(hours=2))
    await shop.oauth.tend()
    assert await _kids(shop) == [second]
    await tokens.settled()


async def test_what_is_published_has_nothing_private_and_may_be_kept_for_a_while(shop: Shop) -> None:
    answer = await shop.http.get("/oauth/jwks")
    assert answer.headers["cache-control"] == "public, max-age=300"
    for key in answer.json()["keys"]:
        assert set(key) == {"kty", "n", "e", "kid", "alg", "use"}


async def test_processes_that_start_at_once_make_one_key(fresh_db: Database) -> None:
    shops = await asyncio.gather(*(open_shop(fresh_db, SetClock(NOON)) for _ in range(3)))
    kids = [await _kids(shop) for shop in shops]
    assert kids[0] == kids[1] == kids[2]
    assert len(kids[0]) == 1
    shops[1].oauth.parts.tokens.check(_token(shops[0]))


async def test_another_algorithm_takes_over_like_another_key(
    fresh_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kuska.security.store.epoch.PAUSE", 0)
    clock = SetClock(NOON)
    before = await open_shop(fresh_db, clock)
    old = _token(before)
    async with before.epoch.watched():
        while before.epoch._value == 0:
            await asyncio.sleep(0)
        await before.oauth.parts.tokens.settled()
        after = await open_shop(fresh_db, clock, replace(SETTINGS, signing_algorithm="ES384"))
        assert [key["alg"] for key in (await after.http.get("/oauth/jwks")).json()["keys"]] == ["ES384", "RS256"]
        # A process that runs already hears of the key before it signs.
        while len(await _kids(before)) < 2:
            await asyncio.sleep(0)
    clock.advance(timedelta(minutes=5))
    assert after.oauth.parts.tokens.keys.current().algorithm == "RS256"
    after.oauth.parts.tokens.check(old)
    clock.advance(timedelta(minutes=5))
    new = _token(after)
    after.oauth.parts.tokens.check(new)
    before.oauth.parts.tokens.check(new)
    await before.oauth.parts.tokens.settled()


async def test_a_key_that_others_may_know_goes_at_once(fresh_db: Database) -> None:
    shop = await open_shop(fresh_db, SetClock(NOON))
    tokens = shop.oauth.parts.tokens
    token = _token(shop)
    tokens.check(token)
    (old,) = await _kids(shop)
    await shop.oauth.replace_keys(OPERATOR)
    (new,) = await _kids(shop)
    assert new != old
    with pytest.raises(NobodyError):
        tokens.check(token)
    tokens.check(_token(shop))
    assert (shop.book.last.kind, shop.book.last.interaction) == ("key", "replace")
    await tokens.settled()


async def test_private_keys_are_sealed_where_they_lie(fresh_db: Database) -> None:
    sealed: list[tuple[str, bytes]] = []

    class Sealer:
        def seal(self, purpose: str, plain: bytes, context: bytes) -> bytes:
            sealed.append((purpose, context))
            return RING.seal(purpose, plain, context)

        def open(self, purpose: str, sealed: bytes, context: bytes) -> bytes:
            return RING.open(purpose, sealed, context)

    keys = SigningKeys(fresh_db, SetClock(NOON), Sealer(), SETTINGS)
    assert await keys.tend()
    kid = keys.current().kid
    assert sealed == [("signing-keys", kid.encode())]
    async with fresh_db.read() as conn:
        row: Any = await conn.fetchrow("select sealed, public_jwk from security.signing_key")
    assert keys.current().key.as_dict(private=True)["d"].encode() not in row["sealed"]
    assert '"d"' not in row["public_jwk"]


async def test_without_a_key_nothing_is_signed(fresh_db: Database) -> None:
    with pytest.raises(UnavailableError):
        SigningKeys(fresh_db, SetClock(NOON), RING, SETTINGS).current()


async def test_what_was_withdrawn_cannot_be_asked_for(fresh_db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is away: for a while what is known holds, then nothing is let in."""
    shop = await open_shop(fresh_db, SetClock(NOON))
    tokens = shop.oauth.parts.tokens
    token = _token(shop)

    async def away(*_: Any) -> Any:
        raise UnavailableError

    monkeypatch.setattr("kuska.security.store.oauth_keys.revocations", away)
    tokens.forget()
    tokens.forget()
    await tokens.settled()
    tokens.check(token)
    shop.clock.advance(timedelta(seconds=31))
    with pytest.raises(UnavailableError):
        tokens.check(token)
    monkeypatch.undo()
    tokens.forget()
    await tokens.settled()
    tokens.check(token)


async def test_sweeping_leaves_nothing_that_is_over(fresh_db: Database) -> None:
    shop = await open_shop(fresh_db, SetClock(NOON))
    client, secret = await shop.client()
    session = await shop.signed_in(await shop.person())
    given = await shop.tokens(client, secret, session)
    await shop.ask(client, session, prompt="consent")
    await shop.post("/oauth/revoke", client_id=client.id, client_secret=secret, token=given["refresh_token"])
    tables = ("oauth_grant", "oauth_request", "oauth_code", "refresh_token", "revocation")
    shop.clock.advance(timedelta(days=91))
    await shop.oauth.tend()
    async with fresh_db.read() as conn:
        assert [await conn.fetchval(f"select count(*) from security.{table}") for table in tables] == [0] * 5
    await shop.oauth.parts.tokens.settled()


async def test_tending_goes_on_by_itself(fresh_db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = await open_shop(fresh_db, SetClock(NOON))
    monkeypatch.setattr("kuska.security.usecases.oauth.server._PAUSE", 0)
    shop.clock.advance(timedelta(days=90))
    async with shop.oauth.tended(), Epoch(fresh_db).watched():
        while len(await _kids(shop)) < 2:
            await asyncio.sleep(0)
    await shop.oauth.parts.tokens.settled()
