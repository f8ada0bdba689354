"""Accounts are changed by who has just shown a second factor: a session left open is not enough."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date

import pytest
from tests.security.usecases.accounts.conftest import HERE, NEW, World

from kuska.security.domain.accounts import Account, Correction, NewAccount
from kuska.security.errors import StepUpError
from kuska.security.usecases.accounts.errors import OwnAccountError
from kuska.security.visit import Visit

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("HC-07")]

Change = Callable[[World, Visit, str], Awaitable[object]]
CHANGES: dict[str, Change] = {
    "invite": lambda world, visit, _: world.accounts.invite(
        visit, NewAccount(login="", display_name="Eva", email="eva@example.org", roles=("administrator",))
    ),
    "invite a patient, without being the desk": lambda world, visit, _: world.accounts.invite_patient(
        visit, document="45678901", birth_date=date(1980, 5, 17), email="eva@example.org"
    ),
    "roles": lambda world, visit, id_: world.accounts.assign_roles(visit, id_, ["administrator"]),
    "address": lambda world, visit, id_: world.accounts.correct(visit, id_, Correction(email="eva@example.org")),
    "who it is": lambda world, visit, id_: world.accounts.correct(visit, id_, Correction(practitioner="other")),
    "disable": lambda world, visit, id_: world.accounts.disable(visit, id_),
    "enable": lambda world, visit, id_: world.accounts.enable(visit, id_),
    "sessions": lambda world, visit, id_: world.accounts.end_sessions(visit, id_),
    "invite again": lambda world, visit, id_: world.accounts.invite_again(visit, id_),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_nothing_is_changed_without_a_fresh_factor(world: World, what: str) -> None:
    account = await world.person(roles=("physician",), practitioner="7")
    cookie = await world.signed_in()
    shown = world.clock.now()
    world.passes(minutes=11)
    world.trail.events.clear()
    for confirmed in (None, shown):
        visit = world.stale_visit("accounts.read", "accounts.write", confirmed=confirmed)
        with pytest.raises(StepUpError):
            await CHANGES[what](world, visit, account.id)
    assert world.trail.said() == [("account", "accounts.write", "security.step-up")] * 2
    assert await world.accounts.by_id(account.id) == account
    assert await world.sessions.find(cookie, HERE)
    assert await world.accounts.by_login("eva@example.org") is None
    # Looking asks for nothing more.
    assert await world.accounts.get(visit, account.id) == account


async def test_with_a_fresh_one_everything_goes(world: World) -> None:
    account = await world.person(roles=("physician",))
    await CHANGES["invite"](world, world.visit("accounts.write"), "")
    world.passes(minutes=9)
    for what in ("roles", "address", "who it is", "sessions", "disable", "enable"):
        await CHANGES[what](world, world.visit("accounts.write"), account.id)
    assert [event.outcome for event in world.trail.events if event.interaction == "accounts.write"] == []


async def test_a_refusal_says_whose_account_it_was_about(world: World) -> None:
    account = await world.person()
    with pytest.raises(StepUpError):
        await world.accounts.disable(world.stale_visit("accounts.write"), account.id)
    assert world.trail.events[-1].detail == (("account", account.id),)
    # One's own stays shut, however fresh.
    with pytest.raises(OwnAccountError):
        await world.accounts.disable(world.visit("accounts.write", account=account.id), account.id)


async def test_the_desk_is_not_asked_for_each_patient(world: World) -> None:
    new = NewAccount(login="45678901", display_name="Rosa", email="r@example.org", roles=("patient",), patient="rosa")
    made = await world.accounts.invite(world.stale_visit("patients.invite"), new)
    assert made.status == "invited"


# A new password


async def _opened(world: World, account: Account) -> list[str]:
    """Cookies: one with both factors, one that still waits for the second."""
    return [
        await world.sessions.start(account, methods=methods, pending=pending, address=HERE, agent="Firefox")
        for methods, pending in ((("pwd", "otp"), False), (("pwd",), True))
    ]


async def test_a_reset_of_who_has_factors_ends_every_session_and_signs_nobody_in(world: World) -> None:
    account = await world.person()
    world.factors.add(account.login)
    full, half = await _opened(world, account)
    await world.accounts.ask_reset(account.login, HERE)
    await world.mailroom.send_due()
    await world.accounts.redeem(world.post.token(), NEW, HERE)
    assert await world.sessions.find(full, HERE) is None
    assert await world.sessions.half(half) is None
    # Mail and password are not enough: the factor is asked for as before.
    done = await world.accounts.sign_in(account.login, NEW, HERE, "Firefox")
    assert done.needs_factor
    assert await world.sessions.find(done.session_cookie, HERE) is None


async def test_a_change_by_who_has_factors_ends_the_others_and_keeps_what_was_shown(world: World) -> None:
    account = await world.person()
    world.factors.add(account.login)
    full, half = await _opened(world, account)
    mine, _ = await _opened(world, account)
    fresh = await world.accounts.change_password(mine, await world.session(mine), "cuatro perros azules", NEW, HERE)
    assert (await world.session(fresh)).methods == ("pwd", "otp")
    for gone in (mine, full):
        assert await world.sessions.find(gone, HERE) is None
    assert await world.sessions.half(half) is None
