"""Every refusal at the authorization endpoint leaves one line and is held against its address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from tests.security.oauth.conftest import BACK, NOON, OPERATOR, Proof, Shop, open_shop

from kuska.infra.postgres.database import Database
from kuska.kit.clock import SetClock
from kuska.security.domain.clients import Client
from kuska.security.domain.sessions import Session
from kuska.security.settings import LimitSettings
from kuska.security.usecases.limits import Limits, ThrottledError
from kuska.security.usecases.oauth.authorize import BadRequest, NeedsConsent, NeedsLogin, Outcome, Redirect

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("HC-07")]
HERE, ELSEWHERE = "203.0.113.7", "198.51.100.9"
BURST = 3
# Good or nearly good secrets, and words of strangers: none of them belongs into the trail.
GUESS = "guessed-launch-or-handle"


@dataclass
class Scene:
    shop: Shop
    client: Client
    service: Client
    withdrawn: Client
    for_staff: Client
    doctor: Session
    patient: Session
    closed: Session
    late: str  # a handle that was good
    shown: str  # the handle of a form of the doctor's
    sent: str  # of one that the doctor has sent already
    address: str = HERE

    async def ask(self, session: Session | None, client: Client | None = None, **given: str) -> Outcome:
        params = self.shop.asks(client or self.client, Proof(), **given)
        return await self.shop.oauth.authorize(params.items(), session, self.address)

    async def twice(self, name: str, value: str) -> Outcome:
        params = [*self.shop.asks(self.client, Proof()).items(), (name, value)]
        return await self.shop.oauth.authorize(params, None, self.address)

    async def resume(self, handle: str) -> Outcome:
        return await self.shop.oauth.authorize([("handle", handle)], self.doctor, self.address)

    async def decide(self, handle: str, session: Session) -> Outcome:
        return await self.shop.oauth.decide(handle, session, ["openid"], "", self.address)

    async def open(self, client: str, encounter: str = "") -> Outcome:
        return await self.shop.oauth.launch(replace(self.doctor, address=self.address), client, "p-1", encounter)


async def _scene(shop: Shop) -> Scene:
    client, _ = await shop.client(launch_url="https://app.example.org/launch")
    service, _ = await shop.client(grants=("client_credentials",), redirects=(), scope="system/*.rs")
    withdrawn, _ = await shop.client()
    await shop.oauth.clients.withdraw(withdrawn.id, OPERATOR)
    for_staff, _ = await shop.client(patient_facing=False)
    waits = await shop.ask(client, None)
    assert isinstance(waits, NeedsLogin)
    shop.clock.advance(timedelta(minutes=15))
    doctor = await shop.signed_in(await shop.person())
    forms: list[str] = []
    for _ in range(2):
        asked = await shop.ask(client, doctor)
        assert isinstance(asked, NeedsConsent)
        forms.append(asked.handle)
    assert isinstance(await shop.oauth.decide(forms[1], doctor, ["openid"]), Redirect)
    patient = await shop.signed_in(await shop.patient())
    closed = await shop.signed_in(await shop.person(status="disabled"))
    return Scene(
        shop, client, service, withdrawn, for_staff, doctor, patient, closed,
        late=waits.handle, shown=forms[0], sent=forms[1],
    )  # fmt: skip


# What is tried -> the reason in the trail, who it was.
Try = Callable[[Scene], Awaitable[Outcome]]
TRIES: dict[str, tuple[str, str, Try]] = {
    "a parameter twice": ("parameter-twice", "", lambda at: at.twice("state", GUESS)),
    "NUL": ("parameter-nul", "", lambda at: at.ask(None, state="\0")),
    "an unknown client": ("client-unknown", "", lambda at: at.ask(None, client_id="nobody")),
    "a client that cannot be written": ("client-unknown", "", lambda at: at.ask(None, client_id="a\x01\n")),
    "a service": ("client-unknown", "", lambda at: at.ask(at.doctor, at.service)),
    "a withdrawn client": ("client-unknown", "doctor", lambda at: at.ask(at.doctor, at.withdrawn)),
    "a foreign address": ("redirect", "", lambda at: at.ask(None, redirect_uri=f"https://evil.example/{GUESS}")),
    "a token at once": ("response-type", "", lambda at: at.ask(None, response_type="token")),
    "no proof key": ("pkce", "", lambda at: at.ask(None, code_challenge="short")),
    "another server's": ("aud", "", lambda at: at.ask(None, aud="https://evil.example")),
    "a scope it has not": ("scope", "doctor", lambda at: at.ask(at.doctor, scope="system/*.rs")),
    "more than an address takes": (
        "too-long", "", lambda at: at.ask(None, state="s" * 2000, nonce="n" * 2000, login_hint="l" * 2000),
    ),
    "a handle that nobody made": ("request-expired", "doctor", lambda at: at.resume(GUESS)),
    "a handle that is too old": ("request-expired", "doctor", lambda at: at.resume(at.late)),
    "a patient at an application for staff": (
        "client-not-for-patients", "patient", lambda at: at.ask(at.patient, at.for_staff),
    ),
    "an account that is closed": ("account-ended", "closed", lambda at: at.ask(at.closed)),
    "a guessed launch": (
        "launch-unknown", "doctor", lambda at: at.ask(at.doctor, scope="launch user/*.rs", launch=GUESS),
    ),
    "a form that nobody made": ("request-expired", "doctor", lambda at: at.decide(GUESS, at.doctor)),
    "somebody else's form": ("request-of-another", "patient", lambda at: at.decide(at.shown, at.patient)),
    "a form for the second time": ("request-expired", "doctor", lambda at: at.decide(at.sent, at.doctor)),
    "opening an unknown application": ("client-unknown", "doctor", lambda at: at.open("nobody")),
    "opening it about no encounter": ("launch-encounter", "doctor", lambda at: at.open(at.client.id, "../1")),
}  # fmt: skip


@pytest.mark.parametrize("what", TRIES)
async def test_each_leaves_one_line_and_the_address_waits_after_a_few(shop_db: Database, what: str) -> None:
    reason, who, attempt = TRIES[what]
    limits = Limits(LimitSettings(failures_per_minute=1, failures_burst=BURST), now=lambda: 0.0)
    shop = await open_shop(shop_db, SetClock(NOON), limits=limits)
    scene = await _scene(shop)
    for _ in range(BURST):
        shop.book.events.clear()
        outcome = await attempt(scene)
        assert isinstance(outcome, BadRequest) or "error=" in getattr(outcome, "url", "")
        (line,) = shop.book.events
        assert (line.outcome, line.reason, line.caller.address) == ("4", f"security.{reason}", HERE)
        if who:
            session: Session = getattr(scene, who)
            assert line.caller.account == session.account.id
        said = repr(line)
        for secret in (GUESS, "evil.example", BACK, scene.late, scene.shown, scene.sent, "\\x0"):
            assert secret not in said
    shop.book.events.clear()
    for _ in range(3):
        with pytest.raises(ThrottledError):
            await attempt(scene)
    assert not shop.book.events
    scene.address = ELSEWHERE
    await attempt(scene)
    assert len(shop.book.events) == 1, "others are not kept waiting"


async def test_what_is_not_refused_is_held_against_nobody(shop_db: Database) -> None:
    limits = Limits(LimitSettings(failures_per_minute=1, failures_burst=1), now=lambda: 0.0)
    shop = await open_shop(shop_db, SetClock(NOON), limits=limits)
    scene = await _scene(shop)
    with pytest.raises(ThrottledError):
        for _ in range(2):
            await scene.ask(None, client_id="nobody")
    shop.book.events.clear()
    assert isinstance(await scene.ask(None), NeedsLogin), "who shows something good does not wait"
    for session in (None, scene.doctor):
        for _ in range(3):
            silent = await scene.ask(session, prompt="none")
            assert isinstance(silent, Redirect)
            assert "_required" in silent.url
    assert not shop.book.events
    assert "code=" in str(await scene.decide(scene.shown, scene.doctor))


async def test_who_says_no_and_who_may_not_any_more_are_told_apart(shop: Shop) -> None:
    """In the trail; the application hears the same."""
    client, _ = await shop.client()
    said: list[Any] = []
    for scopes, status in (((), "active"), (("openid",), "disabled")):
        person = await shop.person()
        session = await shop.signed_in(person)
        asked = await shop.ask(client, session)
        assert isinstance(asked, NeedsConsent)
        async with shop.db.write() as tx:
            await tx.execute("update security.account set status = $2 where id = $1", person.id, status)
        answer = await shop.oauth.decide(asked.handle, session, scopes)
        said.append((shop.book.last.interaction, shop.book.last.reason))
        assert "error=access_denied" in getattr(answer, "url", "")
    assert said == [("consent", "security.consent-denied"), ("consent", "security.account-ended")]


async def test_what_was_shown_twice_is_counted_for_the_alarm(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    monkeypatch.setattr(shop.oauth.parts.refusals.metrics, "refused", counted.append)
    client, secret = await shop.client()
    session, proof = await shop.signed_in(await shop.person()), Proof()
    code = await shop.code(client, session, proof)
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": proof.verifier, "redirect_uri": BACK}
    assert (await shop.trade(client, secret, **form)).status_code == 200
    assert not counted
    assert (await shop.trade(client, secret, **form)).status_code == 400
    assert counted == ["grant"]
    assert shop.book.last.reason == "security.code-reused"


async def test_a_guessed_code_or_refresh_token_is_refused_like_a_spent_one(shop: Shop) -> None:
    client, secret = await shop.client()
    for form in (
        {"grant_type": "authorization_code", "code": GUESS, "code_verifier": "v" * 43, "redirect_uri": BACK},
        {"grant_type": "refresh_token", "refresh_token": GUESS},
    ):
        answer = await shop.trade(client, secret, **form)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert shop.book.last.outcome == "4"
        assert shop.book.last.reason in ("security.code-unknown", "security.refresh-unknown")
        assert GUESS not in repr(shop.book.last)


async def test_asking_who_one_is_with_a_bad_token_is_noted(shop: Shop) -> None:
    await shop.http.get("/oauth/userinfo", headers={"authorization": "Bearer x"})
    assert (shop.book.last.interaction, shop.book.last.outcome) == ("userinfo", "4")
    assert shop.book.last.reason.startswith("security.")
