"""The authorization endpoint: where answers may go, what may be asked, and who decides."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.security.oauth.conftest import BACK, FHIR, ISSUER, NOON, OPERATOR, Proof, Shop, answered, open_shop

from kuska.infra.postgres.database import Database
from kuska.kit.clock import SetClock
from kuska.security.contracts import Caller
from kuska.security.domain.scopes import read
from kuska.security.errors import NobodyError
from kuska.security.usecases.oauth.authorize import BadRequest, NeedsConsent, NeedsLogin, Redirect

pytestmark = pytest.mark.requirement("HC-04", "QX-10")


@pytest.mark.parametrize(
    "redirect",
    [
        "",
        "https://evil.example/back",
        BACK + "/",
        BACK + "/../evil",
        BACK + "?next=https://evil.example",
        BACK + "#x",
        BACK + "%2f",
        BACK.upper(),
        BACK.replace("back", "Back"),
        BACK.replace("https", "http"),
        BACK.replace("app.", "app.example.org@evil.example/"),
        BACK.replace("https://", "https://user@"),
        BACK.replace("example.org", "example.org.evil.example"),
        BACK.replace("example.org", "example.org:443"),
        BACK[:-1],
        " " + BACK,
        BACK + " ",
        "//app.example.org/back",
        "/back",
        "javascript:alert(1)",
        "data:text/html,x",
    ],
)
async def test_no_answer_goes_anywhere_but_to_the_registered_address(shop: Shop, redirect: str) -> None:
    client, _ = await shop.client()
    session = await shop.signed_in(await shop.person())
    for more in ({}, {"response_type": "token"}, {"scope": "x"}):
        assert await shop.ask(client, session, redirect_uri=redirect, **more) == BadRequest("oauth.page-redirect")


async def test_an_unknown_client_is_answered_nowhere(shop: Shop) -> None:
    client, _ = await shop.client()
    service, _ = await shop.client(grants=("client_credentials",), redirects=(), scope="system/*.rs")
    gone, _ = await shop.client()
    await shop.oauth.clients.withdraw(gone.id, OPERATOR)
    for wrong in ("", "nobody", client.id.upper(), client.id + " ", service.id, gone.id, "x\0"):
        assert isinstance(await shop.ask(client, None, client_id=wrong), BadRequest)


async def test_parameters_come_once(shop: Shop) -> None:
    client, _ = await shop.client()
    params = list(shop.asks(client, Proof()).items())
    for twice in (
        ("redirect_uri", "https://evil.example"),
        ("client_id", "x"),
        ("scope", "user/*.cruds"),
        ("state", "y"),
    ):
        assert isinstance(await shop.oauth.authorize([*params, twice], None), BadRequest)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "+" * 43}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": "https://evil.example/r"}, "request_uri_not_supported"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"scope": "system/*.rs"}, "invalid_scope"),
        ({"scope": "user/Observation.cud"}, "invalid_scope"),
        ({"scope": "x " * 5000}, "invalid_scope"),
        ({"aud": ""}, "invalid_request"),
        ({"aud": "https://other.example/fhir"}, "invalid_request"),
        ({"aud": ISSUER}, "invalid_request"),
        ({"scope": "openid launch user/Observation.rs"}, "invalid_request"),
        ({"scope": "openid launch user/Observation.rs", "launch": "guessed"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "x"}, "invalid_request"),
        ({"nonce": "n" * 2001}, "invalid_request"),
    ],
)
async def test_what_is_wrong_is_told_to_the_client(shop: Shop, given: dict[str, str], error: str) -> None:
    client, _ = await shop.client()
    session = await shop.signed_in(await shop.person())
    back = answered(await shop.ask(client, session, **given))
    assert back == {"error": error, "state": "st-1", "iss": ISSUER}


async def test_aud_may_end_with_a_slash_and_is_not_needed_to_sign_in_only(shop: Shop) -> None:
    client, _ = await shop.client()
    session = await shop.signed_in(await shop.person())
    assert isinstance(await shop.ask(client, session, aud=FHIR + "/"), NeedsConsent)
    assert isinstance(await shop.ask(client, session, aud="", scope="openid profile"), NeedsConsent)


async def test_the_answer_is_added_to_the_address_and_nothing_leaks_into_it(shop: Shop) -> None:
    back = BACK + "?tenant=1"
    client, _ = await shop.client(redirects=(back,))
    session = await shop.signed_in(await shop.person())
    state = "a&code=evil#x\r\nLocation: y ñ"
    asked = await shop.ask(client, session, redirect_uri=back, state=state)
    assert isinstance(asked, NeedsConsent)
    outcome = await shop.oauth.decide(asked.handle, session, asked.texts)
    assert isinstance(outcome, Redirect)
    query = parse_qs(urlsplit(outcome.url).query)
    assert (query["state"], query["tenant"], len(query["code"]), query["iss"]) == ([state], ["1"], 1, [ISSUER])
    assert outcome.url.isprintable()
    assert not urlsplit(outcome.url).fragment


async def test_only_what_was_offered_can_be_accepted(shop: Shop) -> None:
    client, secret = await shop.client()
    session = await shop.signed_in(await shop.person())
    proof = Proof()
    asked = await shop.ask(client, session, proof, scope="openid user/Observation.rs user/Patient.r")
    assert isinstance(asked, NeedsConsent)
    accepted = ["user/Observation.rs", "user/*.cruds", "offline_access", "system/*.cruds", "user/Patient.rs"]
    code = answered(await shop.oauth.decide(asked.handle, session, accepted))["code"]
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": proof.verifier, "redirect_uri": BACK}
    given = (await shop.trade(client, secret, **form)).json()
    assert given["scope"] == "user/Observation.rs"
    assert "refresh_token" not in given
    assert "id_token" not in given


async def test_no_is_told_to_the_client(shop: Shop) -> None:
    client, _ = await shop.client()
    session = await shop.signed_in(await shop.person())
    asked = await shop.ask(client, session)
    assert isinstance(asked, NeedsConsent)
    assert answered(await shop.oauth.decide(asked.handle, session, []))["error"] == "access_denied"
    assert (shop.book.last.interaction, shop.book.last.reason) == ("consent", "security.consent-denied")
    assert isinstance(await shop.oauth.decide(asked.handle, session, asked.texts), BadRequest)


async def test_only_the_session_that_saw_the_page_decides_and_only_once(shop: Shop) -> None:
    client, _ = await shop.client()
    session = await shop.signed_in(await shop.person())
    other = await shop.signed_in(await shop.person())
    asked = await shop.ask(client, session)
    assert isinstance(asked, NeedsConsent)
    assert isinstance(await shop.oauth.decide(asked.handle, other, asked.texts), BadRequest)
    assert isinstance(await shop.oauth.authorize([("handle", asked.handle)], other), BadRequest)
    assert isinstance(await shop.oauth.decide(asked.handle, None, asked.texts), NeedsLogin)
    assert isinstance(await shop.oauth.decide("guessed", session, asked.texts), BadRequest)
    both = await asyncio.gather(*(shop.oauth.decide(asked.handle, session, asked.texts) for _ in range(3)))
    assert sorted(type(each).__name__ for each in both) == ["BadRequest", "BadRequest", "Redirect"]


async def test_a_request_nobody_saw_cannot_be_decided(shop: Shop) -> None:
    """A form of another site that knows a handle: the session has not seen the page."""
    client, _ = await shop.client()
    session = await shop.signed_in(await shop.person())
    asked = await shop.ask(client, None)
    assert isinstance(asked, NeedsLogin)
    assert isinstance(await shop.oauth.decide(asked.handle, session, ["openid"]), BadRequest)


async def test_too_late(shop: Shop) -> None:
    client, _ = await shop.client()
    session = await shop.signed_in(await shop.person())
    asked = await shop.ask(client, session)
    assert isinstance(asked, NeedsConsent)
    shop.clock.advance(timedelta(minutes=15))
    assert isinstance(await shop.oauth.decide(asked.handle, session, asked.texts), BadRequest)
    assert isinstance(await shop.oauth.authorize([("handle", asked.handle)], session), BadRequest)


async def test_strangers_leave_nothing_behind_and_change_nothing_on_the_way(shop: Shop) -> None:
    """Until somebody is signed in the request travels signed, and is good for a quarter of an hour."""
    client, _ = await shop.client()
    other, _ = await shop.client(redirects=("https://evil.example/back",))
    asked, others = await shop.ask(client, None), await shop.ask(other, None, redirect_uri="https://evil.example/back")
    assert isinstance(asked, NeedsLogin)
    assert isinstance(others, NeedsLogin)
    async with shop.db.read() as conn:
        stored = await conn.fetchval("select count(*) from security.oauth_request where client = $1", client.id)
    assert stored == 0
    session = await shop.signed_in(await shop.person())
    header, payload, signature = asked.handle.split(".")
    token, _ = shop.oauth.parts.tokens.issue(session.caller(""), read("user/*.rs"))
    for wrong in (
        f"{header}.{others.handle.split('.')[1]}.{signature}", f"{header}.{payload}.", payload, "", token, "x" * 99_999,
    ):  # fmt: skip
        assert isinstance(await shop.oauth.authorize([("handle", wrong)], session), BadRequest)
    with pytest.raises(NobodyError):
        shop.oauth.parts.tokens.check(asked.handle)
    assert isinstance(await shop.oauth.authorize([("handle", asked.handle)], session), NeedsConsent)
    shop.clock.advance(timedelta(minutes=15))
    assert isinstance(await shop.oauth.authorize([("handle", asked.handle)], session), BadRequest)
    long = {"state": "s" * 2000, "nonce": "n" * 2000, "login_hint": "l" * 2000}
    assert answered(await shop.ask(client, None, **long))["error"] == "invalid_request"


async def test_signing_in_afresh_when_the_client_wants_it(shop: Shop) -> None:
    client, _ = await shop.client()
    person = await shop.person()
    old = await shop.signed_in(person)
    shop.clock.advance(timedelta(minutes=10))
    for given in ({"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "60"}, {"max_age": "0"}):
        asked = await shop.ask(client, old, **given)
        assert isinstance(asked, NeedsLogin)
        assert asked.again
        assert isinstance(await shop.oauth.authorize([("handle", asked.handle)], old), NeedsLogin)
        shop.clock.advance(timedelta(seconds=1))
        new = await shop.signed_in(person)
        assert isinstance(await shop.oauth.authorize([("handle", asked.handle)], new), NeedsConsent)
    assert isinstance(await shop.ask(client, old, max_age="3600"), NeedsConsent)


async def test_without_asking_there_is_only_an_error(shop: Shop) -> None:
    client, _ = await shop.client()
    assert answered(await shop.ask(client, None, prompt="none"))["error"] == "login_required"
    session = await shop.signed_in(await shop.person())
    assert answered(await shop.ask(client, session, prompt="none"))["error"] == "interaction_required"


async def test_a_session_without_its_second_factor_is_none(shop: Shop) -> None:
    client, _ = await shop.client()
    session = await shop.signed_in(await shop.person())
    assert isinstance(await shop.ask(client, replace(session, pending=True)), NeedsLogin)


async def test_an_account_that_is_closed_or_only_a_patient(shop: Shop) -> None:
    for_staff, _ = await shop.client(patient_facing=False)
    patient = await shop.signed_in(await shop.patient())
    assert answered(await shop.ask(for_staff, patient))["error"] == "access_denied"
    closed = await shop.signed_in(await shop.person(status="disabled"))
    assert answered(await shop.ask(for_staff, closed))["error"] == "access_denied"


async def _open(db: Database, **more: Any) -> Shop:
    return await open_shop(db, SetClock(NOON), **more)


class TestLaunch:
    """SMART App Launch: whom it is about."""

    async def test_a_patient_is_their_own(self, shop: Shop) -> None:
        client, secret = await shop.client()
        person = await shop.patient()
        session = await shop.signed_in(person)
        asked = await shop.ask(client, session, scope="launch/patient patient/*.rs openid fhirUser")
        assert isinstance(asked, NeedsConsent)
        assert (asked.patient, asked.choose_patient) == (person.patient, False)
        given = await shop.tokens(
            client, secret, session, "someone-else", scope="launch/patient patient/*.rs openid fhirUser"
        )
        assert given["patient"] == person.patient
        assert given["need_patient_banner"] is False
        assert given["smart_style_url"] == f"{ISSUER}/oauth/smart-style.json"
        assert "encounter" not in given
        caller = shop.oauth.parts.tokens.check(given["access_token"])
        assert (caller.patient, caller.practitioner, caller.roles) == (person.patient, "", ("patient",))
        answer = await shop.http.get("/oauth/userinfo", headers={"authorization": f"Bearer {given['access_token']}"})
        assert answer.json()["fhirUser"] == f"{FHIR}/Patient/{person.patient}"

    @pytest.mark.parametrize("scope", ["launch/patient user/*.rs", "patient/Observation.rs"])
    async def test_a_professional_chooses(self, shop: Shop, scope: str) -> None:
        client, secret = await shop.client()
        session = await shop.signed_in(await shop.person())
        asked = await shop.ask(client, session, scope=scope)
        assert isinstance(asked, NeedsConsent)
        assert asked.choose_patient
        for wrong in ("", "../x", "a" * 65, "a b", "a\0"):
            again = await shop.oauth.decide(asked.handle, session, asked.texts, wrong)
            assert isinstance(again, NeedsConsent)
            assert again.choose_patient
        given = await shop.tokens(client, secret, session, "p-7", scope=scope)
        assert (given["patient"], given["need_patient_banner"]) == ("p-7", True)
        caller = shop.oauth.parts.tokens.check(given["access_token"])
        # The token is about the patient, and still the professional's.
        assert (caller.patient, caller.practitioner) == ("p-7", "dr-1")

    async def test_whom_the_policy_does_not_let_choose(self, shop_db: Database) -> None:
        asked_for: list[tuple[str, str]] = []

        async def may_choose(caller: Caller, patient: str) -> bool:
            asked_for.append((caller.account, patient))
            return patient == "mine"

        shop = await _open(shop_db, may_choose=may_choose)
        client, _ = await shop.client(launch_url="https://app.example.org/launch")
        session = await shop.signed_in(await shop.person())
        asked = await shop.ask(client, session, scope="launch/patient patient/*.rs")
        assert isinstance(asked, NeedsConsent)
        assert isinstance(await shop.oauth.decide(asked.handle, session, asked.texts, "other"), NeedsConsent)
        assert isinstance(await shop.oauth.launch(session, client.id, "other"), BadRequest)
        assert isinstance(await shop.oauth.decide(asked.handle, session, asked.texts, "mine"), Redirect)
        assert asked_for[0] == (session.account.id, "other")

    async def test_a_document_is_as_good_as_an_id_where_the_policy_lets_choose(self, shop_db: Database) -> None:
        documents = {"70123456 1": "mine", "70123457 5": "other"}
        asked_for: list[str] = []

        async def may_choose(_: Caller, patient: str) -> bool:
            asked_for.append(patient)
            return patient == "mine"

        async def locate(text: str) -> str | None:
            return documents.get(text)

        shop = await _open(shop_db, may_choose=may_choose, locate=locate)
        client, secret = await shop.client(launch_url="https://app.example.org/launch")
        session = await shop.signed_in(await shop.person())
        asked = await shop.ask(client, session, scope="launch/patient patient/*.rs")
        assert isinstance(asked, NeedsConsent)
        # Somebody else's document and nobody's: the same answer, and the policy is asked of both.
        for text in ("70123457 5", "70999999 9"):
            assert isinstance(await shop.oauth.decide(asked.handle, session, asked.texts, text), NeedsConsent)
            assert isinstance(await shop.oauth.launch(session, client.id, text), BadRequest)
        assert asked_for == ["other", "other", "709999999", "709999999"]
        assert isinstance(await shop.oauth.launch(session, client.id, " 70123456 1 "), Redirect)
        given = await shop.tokens(client, secret, session, "70123456 1", scope="launch/patient patient/*.rs")
        assert given["patient"] == "mine"

    async def test_opened_from_the_hospitals_system(self, shop: Shop) -> None:
        client, secret = await shop.client(launch_url="https://app.example.org/launch?x=1")
        session = await shop.signed_in(await shop.person())
        opened = await shop.oauth.launch(session, client.id, "p-9", "enc-1")
        there = answered(opened)
        assert (there["iss"], there["x"]) == (FHIR, "1")
        scope = "launch openid user/Observation.rs patient/*.rs"
        given = await shop.tokens(client, secret, session, scope=scope, launch=there["launch"])
        assert (given["patient"], given["encounter"], given["need_patient_banner"]) == ("p-9", "enc-1", False)
        # Once.
        again = answered(await shop.ask(client, session, scope=scope, launch=there["launch"]))
        assert again["error"] == "invalid_request"

    async def test_a_launch_is_its_persons_and_its_clients_and_short(self, shop: Shop) -> None:
        client, _ = await shop.client(launch_url="https://app.example.org/launch")
        other, _ = await shop.client(launch_url="https://app.example.org/launch")
        session = await shop.signed_in(await shop.person())
        launch = answered(await shop.oauth.launch(session, client.id, "p-9"))["launch"]
        scope = "launch patient/*.rs"
        stranger = await shop.signed_in(await shop.person())
        assert answered(await shop.ask(client, stranger, scope=scope, launch=launch))["error"] == "invalid_request"
        assert answered(await shop.ask(other, session, scope=scope, launch=launch))["error"] == "invalid_request"
        shop.clock.advance(timedelta(minutes=15))
        assert answered(await shop.ask(client, session, scope=scope, launch=launch))["error"] == "invalid_request"

    async def test_launches_that_are_not_made(self, shop: Shop) -> None:
        plain, _ = await shop.client()
        client, _ = await shop.client(launch_url="https://app.example.org/launch")
        session = await shop.signed_in(await shop.person())
        for id_, patient, encounter in (
            (plain.id, "p", ""), ("nobody", "p", ""), (client.id, "", ""), (client.id, "a/b", ""), (client.id, "p", "?"),
        ):  # fmt: skip
            assert isinstance(await shop.oauth.launch(session, id_, patient, encounter), BadRequest)

    async def test_scopes_of_version_1_and_restrictions(self, shop: Shop) -> None:
        client, secret = await shop.client(scope="patient/Observation.rs?category=laboratory patient/Patient.rs openid")
        session = await shop.signed_in(await shop.patient())
        given = await shop.tokens(client, secret, session, scope="patient/*.read openid")
        assert given["scope"] == "openid patient/Observation.rs?category=laboratory patient/Patient.rs"
        caller = shop.oauth.parts.tokens.check(given["access_token"])
        assert caller.scopes is not None
        assert [rule.query for rule in caller.scopes] == [(("category", "laboratory"),), ()]
