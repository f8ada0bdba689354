"""Authorization codes in wrong hands."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.security.oauth.conftest import BACK, Proof, Shop

from kuska.security.errors import NobodyError

pytestmark = pytest.mark.requirement("HC-04", "QX-10")


async def _error(shop: Shop, client: object, secret: str, **form: str) -> str:
    answer = await shop.trade(client, secret, grant_type="authorization_code", **form)  # type: ignore[arg-type]
    assert answer.status_code == 400
    assert "access_token" not in answer.text
    return answer.json()["error"]


async def test_another_client_gets_nothing_and_spoils_nothing(shop: Shop) -> None:
    client, secret = await shop.client()
    thief, thiefs = await shop.client()
    proof, session = Proof(), await shop.signed_in(await shop.person())
    code = await shop.code(client, session, proof)
    form = {"code": code, "code_verifier": proof.verifier, "redirect_uri": BACK}
    assert await _error(shop, thief, thiefs, **form) == "invalid_grant"
    assert shop.book.last.reason == "security.code-unknown"
    answer = await shop.trade(client, secret, grant_type="authorization_code", **form)
    assert answer.status_code == 200
    # Nor does it end the grant by showing the used code.
    assert await _error(shop, thief, thiefs, **form) == "invalid_grant"
    shop.oauth.parts.tokens.check(answer.json()["access_token"])


@pytest.mark.parametrize("verifier", ["", "x" * 43, "short", "x" * 129, "ñ" * 43])
async def test_without_the_right_verifier_the_code_is_burnt(shop: Shop, verifier: str) -> None:
    client, secret = await shop.client()
    proof, session = Proof(), await shop.signed_in(await shop.person())
    code = await shop.code(client, session, proof)
    assert await _error(shop, client, secret, code=code, code_verifier=verifier, redirect_uri=BACK) == "invalid_grant"
    assert shop.book.last.reason == "security.code-verifier"
    right = {"code": code, "code_verifier": proof.verifier, "redirect_uri": BACK}
    assert await _error(shop, client, secret, **right) == "invalid_grant"


async def test_the_challenge_is_no_verifier(shop: Shop) -> None:
    client, secret = await shop.client()
    proof, session = Proof(), await shop.signed_in(await shop.person())
    code = await shop.code(client, session, proof)
    assert (
        await _error(shop, client, secret, code=code, code_verifier=proof.challenge, redirect_uri=BACK)
        == "invalid_grant"
    )


async def test_after_the_session_has_ended_it_begins_nothing_that_lasts(shop: Shop) -> None:
    """Whoever was let in while a new password ended everything: the code comes too late."""
    client, secret = await shop.client()
    proof, session = Proof(), await shop.signed_in(await shop.person())
    code = await shop.code(client, session, proof, scope="offline_access user/Observation.rs")
    async with shop.db.write() as tx:
        await tx.execute("delete from security.session where id = $1", session.id)
    form = {"code": code, "code_verifier": proof.verifier, "redirect_uri": BACK}
    assert await _error(shop, client, secret, **form) == "invalid_grant"
    assert shop.book.last.reason == "security.session-ended"


async def test_used_twice_it_takes_its_tokens_with_it(shop: Shop) -> None:
    client, secret = await shop.client()
    proof, session = Proof(), await shop.signed_in(await shop.person())
    form = {"code": await shop.code(client, session, proof), "code_verifier": proof.verifier, "redirect_uri": BACK}
    first = (await shop.trade(client, secret, grant_type="authorization_code", **form)).json()
    shop.oauth.parts.tokens.check(first["access_token"])
    assert await _error(shop, client, secret, **form) == "invalid_grant"
    assert (shop.book.last.interaction, shop.book.last.reason) == ("grant-ended", "security.code-reused")
    with pytest.raises(NobodyError, match=r"security\.unauthenticated"):
        shop.oauth.parts.tokens.check(first["access_token"])
    again = await shop.trade(client, secret, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again.json()["error"] == "invalid_grant"


async def test_of_two_at_once_one_gets_tokens_and_they_do_not_last(shop: Shop) -> None:
    client, secret = await shop.client()
    proof, session = Proof(), await shop.signed_in(await shop.person())
    form = {"code": await shop.code(client, session, proof), "code_verifier": proof.verifier, "redirect_uri": BACK}
    both = await asyncio.gather(
        *(shop.trade(client, secret, grant_type="authorization_code", **form) for _ in range(2))
    )
    assert sorted(answer.status_code for answer in both) in ([200, 400], [400, 400])
    for answer in both:
        if answer.status_code == 200:
            with pytest.raises(NobodyError):
                shop.oauth.parts.tokens.check(answer.json()["access_token"])


async def test_a_minute_is_all_it_lives(shop: Shop) -> None:
    client, secret = await shop.client()
    proof, session = Proof(), await shop.signed_in(await shop.person())
    code = await shop.code(client, session, proof)
    shop.clock.advance(timedelta(seconds=60))
    form = {"code": code, "code_verifier": proof.verifier, "redirect_uri": BACK}
    assert await _error(shop, client, secret, **form) == "invalid_grant"


@pytest.mark.parametrize("redirect", ["", BACK + "/", BACK + "?x=1", "https://evil.example/back"])
async def test_the_redirect_must_be_the_one_it_went_to(shop: Shop, redirect: str) -> None:
    client, secret = await shop.client()
    proof, session = Proof(), await shop.signed_in(await shop.person())
    code = await shop.code(client, session, proof)
    form = {"code": code, "code_verifier": proof.verifier, "redirect_uri": redirect}
    assert await _error(shop, client, secret, **form) == "invalid_grant"


async def test_nothing_readable_is_stored(shop: Shop) -> None:
    client, secret = await shop.client()
    proof, session = Proof(), await shop.signed_in(await shop.person())
    code = await shop.code(client, session, proof)
    async with shop.db.read() as conn:
        kept = str(
            [
                tuple(row.values())
                for table in ("oauth_code", "client", "oauth_grant", "oauth_request")
                for row in await conn.fetch(f"select * from security.{table}")
            ]
        )
    assert code not in kept
    assert secret not in kept


async def test_an_account_that_was_closed_meanwhile(shop: Shop) -> None:
    client, secret = await shop.client()
    person = await shop.person()
    proof, session = Proof(), await shop.signed_in(person)
    code = await shop.code(client, session, proof)
    async with shop.db.write() as tx:
        await tx.execute(
            "update security.account set status = 'disabled', updated = $2 where id = $1", person.id, shop.clock.now()
        )
    form = {"code": code, "code_verifier": proof.verifier, "redirect_uri": BACK}
    assert await _error(shop, client, secret, **form) == "invalid_grant"
