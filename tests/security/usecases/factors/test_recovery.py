"""Codes on paper, and what an administrator does for who lost them too."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pyotp
import pytest

from kuska.security.contracts import Access, Caller
from kuska.security.domain.factors import folded_code
from kuska.security.errors import RefusedByPolicyError, StepUpError
from kuska.security.usecases.factors.errors import WrongFactorError
from kuska.security.visit import Visit

pytestmark = pytest.mark.requirement("HC-07")


async def with_codes(make: Any) -> tuple[Any, list[str]]:
    person = await make()
    app = pyotp.TOTP((await person.factors.enrol_totp(person.session)).secret)
    await person.factors.confirm_totp(person.session, app.at(person.clock.now()))
    return person, await person.factors.recovery_codes(person.shows("pwd", "otp"))


async def test_ten_codes_each_good_once(person: Any, told: list[tuple[str, str]]) -> None:
    ana, codes = await with_codes(person)
    assert len(set(codes)) == 10
    assert await ana.factors.verify(ana.session, "recovery", codes[3]) == "otp"
    assert (await ana.factors.of(ana.account.id)).recovery_left == 9
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "recovery", codes[3])
    assert await ana.factors.verify(ana.session, "recovery", codes[4]) == "otp"
    assert told.count((ana.account.id, "recovery-used")) == 2


async def test_however_it_is_typed(person: Any) -> None:
    ana, codes = await with_codes(person)
    assert await ana.factors.verify(ana.session, "recovery", f" {codes[0].upper().replace('-', ' ')} ") == "otp"


async def test_of_five_uses_at_once_one_succeeds(person: Any) -> None:
    ana, codes = await with_codes(person)
    found = await asyncio.gather(
        *(ana.factors.verify(ana.session, "recovery", codes[0]) for _ in range(5)), return_exceptions=True
    )
    assert found.count("otp") == 1


@pytest.mark.parametrize("code", ["", "-", "abcd-efgh-jkmn", "a" * 100_000, "\0\ud800"])
async def test_a_wrong_code_is_refused(person: Any, code: str) -> None:
    ana, _ = await with_codes(person)
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "recovery", code)
    nobody = await person()
    with pytest.raises(WrongFactorError):
        await nobody.factors.verify(nobody.session, "recovery", code)


async def test_somebody_elses_code_is_refused(person: Any) -> None:
    ana, _ = await with_codes(person)
    _, codes = await with_codes(person)
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "recovery", codes[0])


async def test_a_new_set_ends_the_old_one(person: Any) -> None:
    ana, old = await with_codes(person)
    new = await ana.factors.recovery_codes(ana.session)
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "recovery", old[0])
    assert await ana.factors.verify(ana.session, "recovery", new[0]) == "otp"


async def test_the_database_knows_only_hashes_under_a_salt_of_their_own(person: Any) -> None:
    ana, codes = await with_codes(person)
    async with ana.db.read() as conn:
        row = await conn.fetchrow("select salt, hashes from security.recovery where account = $1", ana.account.id)
    assert len(row["salt"]) == 16
    assert {len(each) for each in row["hashes"]} == {32}
    assert not any(folded_code(code).encode() in each for code in codes for each in row["hashes"])


@dataclass
class Granted:
    caller: Caller
    features: frozenset[str]

    def may(self, feature: str) -> bool:
        return feature in self.features


def visit_of(ana: Any, account: str, *features: str, minutes: int = 0) -> Visit:
    confirmed = ana.clock.now() - timedelta(minutes=minutes)
    access = Granted(Caller(kind="person", account=account, confirmed=confirmed), frozenset(features))
    return Visit(cast("Access", access), ana.factors._parts.trail, ana.clock)


async def test_an_administrator_takes_all_factors_away(person: Any, told: list[tuple[str, str]]) -> None:
    ana, codes = await with_codes(person)
    await ana.factors.reset(visit_of(ana, "boss", "accounts.write"), ana.account.id)
    assert await ana.factors.needed(ana.account.id, ()) == "none"
    with pytest.raises(WrongFactorError):
        await ana.factors.verify(ana.session, "recovery", codes[0])
    assert (ana.account.id, "factors-reset") in told
    async with ana.db.read() as conn:
        detail = await conn.fetchval(
            "select detail from security.event where interaction = 'factors-reset' and account = 'boss' and outcome = 0"
            " order by seq desc limit 1"
        )
    assert ana.account.id in str(detail)


async def test_nobody_else_can_and_nobody_their_own(person: Any) -> None:
    ana, _ = await with_codes(person)
    for visit in (visit_of(ana, "nurse", "accounts.read"), visit_of(ana, ana.account.id, "accounts.write")):
        with pytest.raises(RefusedByPolicyError):
            await ana.factors.reset(visit, ana.account.id)
    with pytest.raises(StepUpError):
        await ana.factors.reset(visit_of(ana, "boss", "accounts.write", minutes=11), ana.account.id)
    assert await ana.factors.needed(ana.account.id, ()) == "show"
