"""What somebody has let applications do ends when their password or factors are no longer what they were."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from tests.app.test_walk import HERE, Walk, walk

from kuska.kit.errors import KuskaError
from kuska.security.api import OPERATOR, Account, Client, NeedsConsent, NobodyError, Redirect
from kuska.security.domain.scopes import read

pytestmark = [pytest.mark.requirement("HC-04")]
__all__ = ["walk"]
BACK = "https://app.example.org/back"
OLD, NEW = "una frase bastante larga", "otra frase bastante larga"
SCOPE = "user/Patient.rs offline_access"


@dataclass(frozen=True)
class App:
    """An application that was let in with `offline_access`."""

    walk: Walk
    client: Client
    access: str
    refresh: str

    async def lives(self) -> bool:
        """Its access token opens, and so does a refresh: both or neither."""
        oauth = self.walk.security.oauth
        await self.walk.security.tokens.settled()  # what was withdrawn is being read again
        try:
            self.walk.security.tokens.check(self.access)
        except NobodyError:
            opens = False
        else:
            opens = True
        asked = {"grant_type": "refresh_token", "refresh_token": self.refresh}
        try:
            await oauth.token(self.client, asked, HERE)
        except KuskaError:
            assert not opens, "the access token outlived its grant"
            return False
        assert opens
        return True


async def let_in(walk: Walk, account: Account, cookie: str) -> App:
    oauth, verifier = walk.security.oauth, secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    client, _ = await oauth.clients.register(
        Client(
            id="", name="App", kind="public", grants=("authorization_code", "refresh_token"), redirects=(BACK,),
            scope=read(SCOPE), patient_facing=True,
        ),
        OPERATOR,
    )  # fmt: skip
    asked = {
        "response_type": "code", "client_id": client.id, "redirect_uri": BACK, "scope": SCOPE,
        "aud": oauth.parts.fhir_base, "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    session = await walk.security.sessions.find(cookie, HERE)
    shown = await oauth.authorize(asked.items(), session, HERE)
    assert isinstance(shown, NeedsConsent)
    done = await oauth.decide(shown.handle, session, shown.texts, address=HERE)
    assert isinstance(done, Redirect)
    code = done.url.partition("code=")[2].partition("&")[0]
    trade = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": verifier}
    answer = await oauth.token(client, trade, HERE)
    return App(walk, client, answer["access_token"], answer["refresh_token"])


async def signed_in(walk: Walk, account: Account) -> str:
    return await walk.security.sessions.start(
        account, methods=("pwd", "otp"), pending=False, address=HERE, agent="test"
    )


async def changes_password(walk: Walk, account: Account, cookie: str) -> None:
    session = await walk.security.sessions.find(cookie, HERE)
    assert session is not None
    await walk.security.accounts.change_password(cookie, session, OLD, NEW, HERE)


async def resets_password(walk: Walk, account: Account, _: str) -> None:
    await walk.security.accounts.ask_reset(account.login, HERE)
    await walk.security.mailroom.send_due()
    token = walk.post.mails[-1].text.partition("/clave/")[2].split()[0]
    await walk.security.accounts.redeem(token, NEW, HERE)


async def loses_factors(walk: Walk, account: Account, _: str) -> None:
    await walk.security.factors.reset(await walk.page(await walk.account("chief", "administrator")), account.id)


async def is_signed_out_everywhere(walk: Walk, account: Account, _: str) -> None:
    chief = await walk.page(await walk.account("chief", "administrator"))
    await walk.security.accounts.end_sessions(chief, account.id)


async def is_disabled_and_enabled(walk: Walk, account: Account, _: str) -> None:
    chief = await walk.page(await walk.account("chief", "administrator"))
    await walk.security.accounts.disable(chief, account.id)
    await walk.security.accounts.enable(chief, account.id)


@pytest.mark.parametrize(
    "happens",
    [changes_password, resets_password, loses_factors, is_signed_out_everywhere, is_disabled_and_enabled],
)
async def test_offline_access_ends(walk: Walk, happens: Callable[[Walk, Account, str], Awaitable[None]]) -> None:
    account = await walk.account("doctor", "physician", practitioner="doctor", email="doctor@example.org")
    other = await walk.account("other", "physician", practitioner="other")
    cookie = await signed_in(walk, account)
    app = await let_in(walk, account, cookie)
    others = await let_in(walk, other, await signed_in(walk, other))
    await happens(walk, account, cookie)
    assert not await app.lives()
    assert await others.lives(), "somebody else's"
    assert not await walk.security.oauth.granted(account.id)


async def test_signing_out_does_not_end_it(walk: Walk) -> None:
    account = await walk.account("doctor", "physician", practitioner="doctor", email="doctor@example.org")
    cookie = await signed_in(walk, account)
    app = await let_in(walk, account, cookie)
    await walk.security.sessions.end(cookie, HERE)
    walk.clock.advance(timedelta(minutes=1))
    assert await app.lives()
