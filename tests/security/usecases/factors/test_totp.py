"""Codes of an authenticator app: set-up, use, and everything that must not work."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from kuska.kit.errors import NotFoundError
from kuska.security.domain.sealing import KEY_BYTES, DataKey
from kuska.security.errors import StepUpError
from kuska.security.usecases.factors import totp
from kuska.security.usecases.factors.errors import (
    FactorSetUpError,
    LastFactorError,
    TooManyAttemptsError,
    WrongFactorError,
)

pytestmark = pytest.mark.requirement("HC-07")
START = datetime(2020, 1, 1, tzinfo=UTC)


async def with_app(make: Any, *roles: str) -> tuple[Any, pyotp.TOTP]:
    person = await make(*roles)
    enrolment = await person.factors.enrol_totp(person.shows("pwd"))
    app = pyotp.TOTP(enrolment.secret)
    await person.factors.confirm_totp(person.session, app.at(person.clock.now()))
    person.clock.advance(timedelta(seconds=30))  # the code of the set-up is used up
    person.shows("pwd", pending=True)
    return person, app


async def test_set_up_with_a_qr_and_signed_in_with_a_code(person: Any) -> None:
    ana, app = await with_app(person)
    assert (await ana.factors.of(ana.account.id)).totp
    assert await ana.factors.needed(ana.account.id, ()) == "show"
    assert await ana.factors.verify(ana.session, "totp", app.at(ana.clock.now())) == "otp"
    assert await ana.events() == [("totp-added", "0", ""), ("verify-totp", "0", "")]


async def test_the_qr_says_who_where_and_which_secret(person: Any) -> None:
    ana = await person()
    enrolment = await ana.factors.enrol_totp(ana.session)
    uri = urlsplit(enrolment.uri)
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert parse_qs(uri.query) == {"secret": [enrolment.secret], "issuer": ["Kuska"]}
    assert enrolment.svg.startswith("<svg")
    assert "style" not in enrolment.svg
    assert "<script" not in enrolment.svg


async def test_the_database_does_not_know_the_secret(person: Any) -> None:
    ana, app = await with_app(person)
    async with ana.db.read() as conn:
        secret = await conn.fetchval("select secret from security.totp where account = $1", ana.account.id)
    assert app.secret.encode() not in secret
    assert app.byte_secret() not in secret


async def test_a_secret_moved_to_another_person_does_not_open(person: Any) -> None:
    ana, app = await with_app(person)
    other, _ = await with_app(person)
    async with ana.db.write() as tx:
        await tx.execute(
            "update security.totp as t set secret = a.secret from security.totp as a"
            " where t.account = $1 and a.account = $2",
            other.account.id,
            ana.account.id,
        )
    with pytest.raises(Exception, match=r"keys\.broken"):
        await other.factors.verify(other.session, "totp", app.at(ana.clock.now()))


async def test_secrets_are_sealed_anew_when_the_key_is_rotated(person: Any) -> None:
    ana, app = await with_app(person)
    async with ana.db.write() as tx:
        await tx.execute("delete from security.totp where account <> $1", ana.account.id)
    await ana.factors.enrol_totp(ana.shows("pwd", "otp"))
    sealer = ana.factors._parts.sealer
    cipher = sealer.cipher("factors")
    old = DataKey(1, cipher.subkey(1)[1], START)
    new = DataKey(2, os.urandom(KEY_BYTES), START)
    cipher.hold([old, new])
    assert await totp.reseal(ana.db, sealer) == 1
    assert await totp.reseal(ana.db, sealer) == 0
    cipher.hold([new])
    assert await ana.factors.verify(ana.session, "totp", app.at(ana.clock.now())) == "otp"


async def test_a_code_is_good_once(person: Any) -> None:
    ana, app = await with_app(person)
    code = app.at(ana.clock.now())
    await ana.factors.verify(ana.session, "totp", code)
    for _ in range(2):
        with pytest.raises(WrongFactorError):
            await ana.factors.verify(ana.session, "totp", code)


async def test_of_ten_uses_of_one_code_at_once_one_succeeds(person: Any) -> None:
    ana, app = await with_app(person)
    code = app.at(ana.clock.now())
    found = await asyncio.gather(
        *(ana.factors.verify(ana.session, "totp", code) for _ in range(10)), return_exceptions=True
    )
    assert found.count("otp") == 1


async def test_the_code_of_the_set_up_cannot_be_used_again(person: Any) -> None:
    ana = await person()
    app = pyotp.TOTP((await ana.factors.enrol_totp(ana.session)).secret)
    code = app.at(ana.clock.now())
    await ana.factors.confirm_totp(ana.session, code)
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "totp", code)


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_one_step_early_or_late_is_taken(person: Any, steps: int, good: bool) -> None:
    ana, app = await with_app(person)
    ana.clock.advance(timedelta(minutes=5))
    code = app.at(ana.clock.now() + timedelta(seconds=30 * steps))
    if good:
        assert await ana.factors.verify(ana.session, "totp", code) == "otp"
    else:
        with pytest.raises(WrongFactorError):
            await ana.factors.verify(ana.session, "totp", code)


async def test_after_a_late_code_an_earlier_one_is_refused(person: Any) -> None:
    ana, app = await with_app(person)
    ana.clock.advance(timedelta(minutes=5))
    now = ana.clock.now()
    await ana.factors.verify(ana.session, "totp", app.at(now + timedelta(seconds=30)))
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "totp", app.at(now))


@pytest.mark.parametrize("code", ["", "0", "abcdef", "1234567", "١٢٣٤٥٦", "\0", "9" * 10_000, "-12345"])
async def test_what_is_no_code_is_a_wrong_code(person: Any, code: str) -> None:
    ana, _ = await with_app(person)
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "totp", code)


async def test_blanks_and_wide_digits_do_not_matter(person: Any) -> None:
    ana, app = await with_app(person)
    code = app.at(ana.clock.now())
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    assert await ana.factors.verify(ana.session, "totp", f" {wide[:3]} {wide[3:]} ") == "otp"


async def test_guessing_is_slowed_down_and_never_shuts_out_for_good(person: Any) -> None:
    ana, app = await with_app(person)
    for _ in range(5):
        with pytest.raises(WrongFactorError):
            await ana.factors.verify(ana.session, "totp", "000000")
    with pytest.raises(TooManyAttemptsError) as refused:
        await ana.factors.verify(ana.session, "totp", app.at(ana.clock.now()))
    assert refused.value.retry_after <= 2
    waits: list[int] = []
    for _ in range(14):
        ana.clock.advance(timedelta(seconds=waits[-1] if waits else 2))
        with pytest.raises(WrongFactorError):
            await ana.factors.verify(ana.session, "recovery", "nonsense")
        with pytest.raises(TooManyAttemptsError) as refused:
            await ana.factors.verify(ana.session, "totp", "000000")
        waits.append(refused.value.retry_after)
    assert waits == sorted(waits)
    assert max(waits) <= 901
    ana.clock.advance(timedelta(seconds=901))
    assert await ana.factors.verify(ana.session, "totp", app.at(ana.clock.now())) == "otp"
    assert ("verify-totp", "4", "factors.wait") in await ana.events()


async def test_a_hundred_guesses_at_once_are_not_a_hundred_first_ones(person: Any) -> None:
    ana, _ = await with_app(person)
    found = await asyncio.gather(
        *(ana.factors.verify(ana.session, "totp", f"{n:06}") for n in range(40)), return_exceptions=True
    )
    assert sum(isinstance(each, WrongFactorError) for each in found) <= 5
    assert sum(isinstance(each, TooManyAttemptsError) for each in found) >= 35


async def test_a_good_code_forgives(person: Any) -> None:
    ana, app = await with_app(person)
    for _ in range(2):
        for _ in range(4):
            with pytest.raises(WrongFactorError):
                await ana.factors.verify(ana.session, "totp", "000000")
        ana.clock.advance(timedelta(seconds=30))
        await ana.factors.verify(ana.session, "totp", app.at(ana.clock.now()))


async def test_a_wrong_first_code_does_not_set_it_up(person: Any) -> None:
    ana = await person()
    await ana.factors.enrol_totp(ana.session)
    with pytest.raises(FactorSetUpError):
        await ana.factors.confirm_totp(ana.session, "000000")
    assert await ana.factors.needed(ana.account.id, ()) == "none"


async def test_a_set_up_has_an_end(person: Any) -> None:
    ana = await person()
    app = pyotp.TOTP((await ana.factors.enrol_totp(ana.session)).secret)
    ana.clock.advance(timedelta(minutes=16))
    with pytest.raises(FactorSetUpError):
        await ana.factors.confirm_totp(ana.shows("pwd"), app.at(ana.clock.now()))


async def test_without_a_set_up_there_is_nothing_to_confirm_or_remove(person: Any) -> None:
    ana = await person()
    with pytest.raises(FactorSetUpError):
        await ana.factors.confirm_totp(ana.session, "000000")
    with pytest.raises(NotFoundError):
        await ana.factors.remove_totp(ana.session)
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "totp", "000000")


async def test_a_new_app_takes_the_place_of_the_old_when_it_has_proved_itself(person: Any) -> None:
    ana, old = await with_app(person)
    ana.shows("pwd", "otp")
    new = pyotp.TOTP((await ana.factors.enrol_totp(ana.session)).secret)
    assert await ana.factors.verify(ana.session, "totp", old.at(ana.clock.now())) == "otp"
    await ana.factors.confirm_totp(ana.session, new.at(ana.clock.now()))
    ana.clock.advance(timedelta(seconds=60))
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "totp", old.at(ana.clock.now()))
    assert await ana.factors.verify(ana.session, "totp", new.at(ana.clock.now())) == "otp"


async def test_factors_are_changed_only_by_who_has_just_shown_one(person: Any) -> None:
    ana, _ = await with_app(person)
    changes = (
        lambda: ana.factors.enrol_totp(ana.session),
        lambda: ana.factors.confirm_totp(ana.session, "000000"),
        lambda: ana.factors.remove_totp(ana.session),
        lambda: ana.factors.recovery_codes(ana.session),
        lambda: ana.factors.begin_passkey_registration(ana.session),
        lambda: ana.factors.finish_passkey_registration(ana.session, "x", "{}"),
        lambda: ana.factors.remove_passkey(ana.session, "x"),
    )
    # The password alone, the factor still missing, or shown too long ago
    for methods, pending, later in ((("pwd",), False, 0), (("pwd", "otp"), True, 0), (("pwd", "otp"), False, 11)):
        ana.shows(*methods, pending=pending)
        ana.clock.advance(timedelta(minutes=later))
        assert not ana.factors.fresh(ana.session)
        for change in changes:
            with pytest.raises(StepUpError):
                await change()
    assert ana.factors.fresh(ana.shows("pwd", "otp"))


async def test_the_first_factor_needs_a_fresh_password(person: Any) -> None:
    ana = await person()
    ana.clock.advance(timedelta(minutes=11))
    with pytest.raises(StepUpError):
        await ana.factors.enrol_totp(ana.session)


async def test_who_waits_for_the_first_factor_can_set_it_up(person: Any) -> None:
    """A physician's first sign-in: nothing but that is possible."""
    ana = await person("physician")
    assert await ana.factors.needed(ana.account.id, ana.account.roles) == "enrol"
    app = pyotp.TOTP((await ana.factors.enrol_totp(ana.shows("pwd", pending=True))).secret)
    await ana.factors.confirm_totp(ana.session, app.at(ana.clock.now()))
    assert await ana.factors.needed(ana.account.id, ana.account.roles) == "show"


async def test_the_last_factor_stays_where_the_role_needs_one(person: Any) -> None:
    ana, _ = await with_app(person, "physician")
    with pytest.raises(LastFactorError):
        await ana.factors.remove_totp(ana.shows("pwd", "otp"))
    assert (await ana.factors.of(ana.account.id)).totp


async def test_removed_and_told(person: Any, told: list[tuple[str, str]]) -> None:
    ana, app = await with_app(person)
    await ana.factors.recovery_codes(ana.shows("pwd", "otp"))
    await ana.factors.remove_totp(ana.session)
    assert await ana.factors.needed(ana.account.id, ()) == "none"
    assert (await ana.factors.of(ana.account.id)).recovery_left == 0
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "totp", app.at(ana.clock.now()))
    assert [what for account, what in told if account == ana.account.id] == [
        "totp-added", "recovery-codes-made", "totp-removed",
    ]  # fmt: skip
