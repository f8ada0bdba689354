"""Passkeys: registered and used with a device of software, and every way in which an answer can be false."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.security.usecases.factors.conftest import Kept
from tests.security.usecases.factors.device import Device, from_text, to_text

from kuska.infra.postgres.database import Database
from kuska.kit.errors import NotFoundError
from kuska.security.settings import LimitSettings
from kuska.security.store.trail_events import TrailEvents
from kuska.security.usecases.factors.errors import FactorSetUpError, LastFactorError, WrongFactorError
from kuska.security.usecases.factors.factors import Factors
from kuska.security.usecases.limits import Limits, ThrottledError
from kuska.security.usecases.refusals import Refusals

pytestmark = pytest.mark.requirement("HC-07")
ORIGIN = "https://record.example.org"


async def with_passkey(make: Any, *roles: str, **device: Any) -> tuple[Any, Device]:
    person = await make(*roles)
    phone = Device(ORIGIN, **device)
    options = await person.factors.begin_passkey_registration(person.session)
    await person.factors.finish_passkey_registration(person.session, "Mi teléfono", phone.register(options))
    return person, phone


async def test_registered_and_shown_as_second_factor(person: Any) -> None:
    ana, phone = await with_passkey(person)
    held = await ana.factors.of(ana.account.id)
    assert [key.name for key in held.passkeys] == ["Mi teléfono"]
    assert await ana.factors.needed(ana.account.id, ()) == "show"
    session = ana.shows("pwd", pending=True)
    options = await ana.factors.begin_passkey(session)
    assert [each["id"] for each in json.loads(options)["allowCredentials"]] == [to_text(phone.id)]
    assert await ana.factors.verify(session, "passkey", phone.sign_in(options)) == "webauthn"
    assert await ana.events() == [("passkey-added", "0", ""), ("verify-passkey", "0", "")]


async def test_signed_in_with_nothing_else(person: Any) -> None:
    ana, phone = await with_passkey(person)
    options = await ana.factors.begin_passkey_sign_in("browser-1")
    asked = json.loads(options)
    assert asked["allowCredentials"] == []
    assert asked["rpId"] == "record.example.org"
    assert ana.account.id not in str(from_text(asked["challenge"]))
    found = await ana.factors.finish_passkey_sign_in("browser-1", phone.sign_in(options), "192.0.2.1")
    assert found == ana.account.id


async def test_several_with_names_and_none_twice(person: Any) -> None:
    ana, phone = await with_passkey(person)
    session = ana.shows("pwd", "webauthn")
    options = await ana.factors.begin_passkey_registration(session)
    assert [each["id"] for each in json.loads(options)["excludeCredentials"]] == [to_text(phone.id)]
    with pytest.raises(FactorSetUpError):
        await ana.factors.finish_passkey_registration(session, "again", phone.register(options))
    options = await ana.factors.begin_passkey_registration(session)
    second = await ana.factors.finish_passkey_registration(
        session, "\n  Llave \0 azul ", Device(ORIGIN).register(options)
    )
    await ana.factors.rename_passkey(session, second, "")
    held = await ana.factors.of(ana.account.id)
    assert sorted(key.name for key in held.passkeys) == ["Mi teléfono", "Passkey"]
    await ana.factors.remove_passkey(session, second)
    assert (await ana.factors.of(ana.account.id)).count == 1


async def test_only_ones_own_are_renamed_and_removed(person: Any) -> None:
    ana, _ = await with_passkey(person)
    eve, _ = await with_passkey(person)
    passkey = (await ana.factors.of(ana.account.id)).passkeys[0].id
    session = eve.shows("pwd", "webauthn")
    with pytest.raises(NotFoundError):
        await eve.factors.remove_passkey(session, passkey)
    with pytest.raises(NotFoundError):
        await eve.factors.rename_passkey(session, passkey, "mine")


async def test_two_removals_at_once_leave_the_last_one(person: Any) -> None:
    ana, _ = await with_passkey(person, "physician")
    session = ana.shows("pwd", "webauthn")
    options = await ana.factors.begin_passkey_registration(session)
    await ana.factors.finish_passkey_registration(session, "two", Device(ORIGIN).register(options))
    held = await ana.factors.of(ana.account.id)
    found = await asyncio.gather(
        *(ana.factors.remove_passkey(session, key.id) for key in held.passkeys), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in found) == [LastFactorError.__name__, "NoneType"]


async def test_a_device_that_did_not_ask_for_the_pin_is_refused(person: Any) -> None:
    ana = await person()
    options = await ana.factors.begin_passkey_registration(ana.session)
    with pytest.raises(FactorSetUpError):
        await ana.factors.finish_passkey_registration(ana.session, "", Device(ORIGIN, verifies=False).register(options))
    ana, phone = await with_passkey(person)
    phone.verifies = False
    await refused(ana, phone, "factors.passkey-invalid")


async def refused(ana: Any, phone: Device, reason: str, **changed: str) -> None:
    options = await ana.factors.begin_passkey_sign_in("browser")
    with pytest.raises(WrongFactorError) as error:
        await ana.factors.finish_passkey_sign_in("browser", phone.sign_in(options, **changed), "192.0.2.1")
    assert error.value.reason == reason
    assert error.value.issues[0].message == "factors.wrong"


async def test_another_site_another_domain_another_kind(person: Any) -> None:
    ana, phone = await with_passkey(person)
    await refused(ana, phone, "factors.passkey-invalid", origin="https://record.example.org.evil.test")
    await refused(ana, phone, "factors.passkey-invalid", origin="http://record.example.org")
    await refused(ana, phone, "factors.passkey-invalid", type="webauthn.create")
    phone.rp_id = "evil.test"
    await refused(ana, phone, "factors.passkey-invalid")


async def test_an_unknown_device_and_one_that_signs_for_another(person: Any) -> None:
    ana, phone = await with_passkey(person)
    await refused(ana, Device(ORIGIN, rp_id="record.example.org"), "factors.unknown-passkey")
    await refused(ana, Device(ORIGIN, rp_id="record.example.org", id=phone.id), "factors.passkey-invalid")
    phone.user = to_text(b"somebody else")
    await refused(ana, phone, "factors.other-account")


async def test_an_answer_is_good_once_even_where_the_device_does_not_count(person: Any) -> None:
    ana, phone = await with_passkey(person, counts=False)
    options = await ana.factors.begin_passkey_sign_in("browser")
    answer = phone.sign_in(options)
    found = await asyncio.gather(
        *(ana.factors.finish_passkey_sign_in("browser", answer, "") for _ in range(5)), return_exceptions=True
    )
    assert found.count(ana.account.id) == 1
    assert {each.reason for each in found if isinstance(each, WrongFactorError)} <= {"factors.replayed"}


async def test_a_copy_that_counts_from_an_earlier_use_is_refused(person: Any) -> None:
    ana, phone = await with_passkey(person)
    options = await ana.factors.begin_passkey_sign_in("browser")
    await ana.factors.finish_passkey_sign_in("browser", phone.sign_in(options), "")
    phone.uses -= 1
    await refused(ana, phone, "factors.passkey-copied")


async def test_a_challenge_is_bound_to_browser_purpose_account_and_time(person: Any) -> None:
    ana, phone = await with_passkey(person)
    eve, other = await with_passkey(person)
    options = await ana.factors.begin_passkey_sign_in("browser")
    with pytest.raises(WrongFactorError):
        await ana.factors.finish_passkey_sign_in("another browser", phone.sign_in(options), "")
    # As second factor it must be the account's own, asked for in this session
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "passkey", phone.sign_in(options))
    options = await ana.factors.begin_passkey(ana.session)
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "passkey", other.sign_in(options))
    with pytest.raises(WrongFactorError):
        await eve.factors.verify(eve.session, "passkey", phone.sign_in(options))
    # One of the registration
    options = await ana.factors.begin_passkey_registration(ana.shows("pwd", "webauthn"))
    asked = json.dumps({**json.loads(options), "userVerification": "required"})
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "passkey", phone.sign_in(asked))
    # And after five minutes none
    options = await ana.factors.begin_passkey_sign_in("browser")
    ana.clock.advance(timedelta(minutes=6))
    with pytest.raises(WrongFactorError) as late:
        await ana.factors.finish_passkey_sign_in("browser", phone.sign_in(options), "")
    assert late.value.reason == "factors.too-late"


async def test_a_challenge_of_the_attackers_own_is_refused(person: Any) -> None:
    ana, phone = await with_passkey(person)
    await refused(ana, phone, "factors.passkey-invalid", challenge=to_text(b"x" * 64))


NONSENSE = ["", "{}", "[]", "null", "x" * 30_000, '{"rawId": 1, "response": {}}', '{"rawId":"AA","response":{"clientDataJSON":"!"}}',
            '{"response":[]}', "\ud800", '{"response":{"clientDataJSON":"e30"},"rawId":"AA"}']  # fmt: skip


@pytest.mark.parametrize("answer", NONSENSE)
async def test_nonsense_is_refused(person: Any, answer: str) -> None:
    ana, _ = await with_passkey(person)
    with pytest.raises(WrongFactorError):
        await ana.factors.finish_passkey_sign_in("browser", answer, "")
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "passkey", answer)
    with pytest.raises(FactorSetUpError):
        await ana.factors.finish_passkey_registration(ana.shows("pwd", "webauthn"), "x", answer)


@pytest.mark.parametrize("field", ["authenticatorData", "signature", "clientDataJSON", "userHandle"])
async def test_parts_that_are_missing_or_changed(person: Any, field: str) -> None:
    ana, phone = await with_passkey(person)
    for value in (None, 1, "", "A", "é", "AAAA", to_text(b"\xff" * 100)):
        options = await ana.factors.begin_passkey_sign_in("browser")
        answer = json.loads(phone.sign_in(options))
        answer["response"][field] = value
        if field == "userHandle" and not isinstance(value, str | None):
            continue
        if field == "userHandle" and not value:
            continue  # allowed: the credential itself says whose it is
        with pytest.raises(WrongFactorError):
            await ana.factors.finish_passkey_sign_in("browser", json.dumps(answer), "")


async def test_who_tries_passkeys_in_series_waits(db: Database, factors: Factors) -> None:
    """There is no account yet that could be made to wait: the address is."""
    limits = Limits(LimitSettings(failures_per_minute=1, failures_burst=2), now=lambda: 0.0)
    strict = Factors(replace(factors._parts, refusals=Refusals(Kept(TrailEvents(db)), limits)))
    for _ in range(2):
        with pytest.raises(WrongFactorError):
            await strict.finish_passkey_sign_in("browser", "{}", "203.0.113.7")
    with pytest.raises(ThrottledError):
        await strict.finish_passkey_sign_in("browser", "{}", "203.0.113.7")
    with pytest.raises(WrongFactorError):
        await strict.finish_passkey_sign_in("browser", "{}", "203.0.113.8")
