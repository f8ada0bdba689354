from __future__ import annotations

import asyncio

import asyncpg
import pytest
from tests.security.usecases.accounts.conftest import ELSEWHERE, GOOD, HERE, NEW, Post, World, build

from kuska.infra.postgres.database import Database
from kuska.kit.errors import IncorrectError
from kuska.security.domain.accounts import NewAccount
from kuska.security.settings import LimitSettings, SecuritySettings
from kuska.security.usecases.accounts.errors import LinkGoneError, WrongCurrentPasswordError, WrongPasswordError
from kuska.security.usecases.limits import Limits, ThrottledError

pytestmark = pytest.mark.requirement("HC-04")


async def reset_token(world: World, login: str = "ana@example.org") -> str:
    await world.accounts.ask_reset(login, HERE)
    assert await world.mailroom.send_due() == 1
    return world.post.token()


async def test_a_new_password_by_mail(world: World) -> None:
    await world.person()
    old = await world.signed_in()
    token = await reset_token(world)
    about = await world.accounts.link(token, HERE)
    assert (about.purpose, about.login) == ("reset", "ana@example.org")
    await world.accounts.redeem(token, NEW, HERE)
    assert await world.sessions.find(old, HERE) is None
    with pytest.raises(WrongPasswordError):
        await world.signed_in()
    assert await world.signed_in(password=NEW)
    assert ("account", "password-reset", "") in world.trail.said()
    await world.mailroom.send_due()
    assert "cambió" in world.post.mails[-1].subject


async def test_asking_does_the_same_whoever_exists(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read, and the same is written: there is nothing that time could tell."""
    await world.person()
    monkeypatch.setattr(Database, "read", None)
    written: list[list[tuple[str, str, str]]] = []
    for login in ("ana@example.org", "nobody@example.org", ""):
        world.trail.events.clear()
        await world.accounts.ask_reset(login, HERE)
        written.append(world.trail.said())
    assert written[0] == written[1] == written[2] == [("account", "ask-reset", "")]


async def test_only_who_exists_gets_a_mail(world: World, fresh_dsn: str) -> None:
    gone = await world.person("gone@example.org")
    await world.accounts.disable(world.visit("accounts.write"), gone.id)
    await world.person("17801146", email="")
    for login in ("nobody@example.org", "gone@example.org", "17801146", "\x00"):
        await world.accounts.ask_reset(login, HERE)
    assert await world.mailroom.send_due() == 0
    assert world.post.mails == []
    assert await world.mailroom.state() == (0, 0)


@pytest.mark.parametrize("again", ["same", "expired", "older", "foreign"])
async def test_a_link_is_good_once_and_for_a_while(world: World, again: str) -> None:
    await world.person()
    token = await reset_token(world)
    if again == "same":
        await world.accounts.redeem(token, NEW, HERE)
    elif again == "expired":
        world.passes(minutes=30)
    elif again == "older":
        world.passes(minutes=3)
        await reset_token(world)
    else:
        token = token[:-1] + ("A" if token[-1] != "A" else "B")
    for attempt in (world.accounts.redeem(token, "otra clave muy distinta", HERE), world.accounts.link(token, HERE)):
        with pytest.raises(LinkGoneError):
            await attempt


@pytest.mark.requirement("HC-07")
@pytest.mark.parametrize("what", ["guessed", "used reset", "used invitation"])
async def test_guessing_links_is_noted_and_has_a_limit(
    fresh_db: Database, settings: SecuritySettings, what: str
) -> None:
    limits = Limits(LimitSettings(failures_per_minute=1, failures_burst=4), now=lambda: 0.0)
    world = build(fresh_db, settings, Post(), limits=limits)
    token = f"guessed-{'x' * 35}"
    if what == "used reset":
        await world.person()
        token = await reset_token(world)
    elif what == "used invitation":
        new = NewAccount(login="luis@example.org", display_name="Luis", email="luis@example.org", roles=("physician",))
        await world.accounts.invite(world.visit("accounts.write"), new)
        await world.mailroom.send_due()
        token = world.post.token()
    if what != "guessed":
        assert await world.accounts.link(token, HERE)
        await world.accounts.redeem(token, NEW, HERE)
    world.trail.events.clear()
    for _ in range(2):
        for tried in (world.accounts.link(token, HERE), world.accounts.redeem(token, NEW, HERE)):
            with pytest.raises(LinkGoneError):
                await tried
    assert world.trail.said() == [("account", "link", "account.link-gone")] * 4
    assert {event.caller.address for event in world.trail.events} == {HERE}
    assert token not in repr(world.trail.events)
    for tried in (world.accounts.link(token, HERE), world.accounts.redeem(token, NEW, HERE)):
        with pytest.raises(ThrottledError):
            await tried
    assert len(world.trail.events) == 4
    with pytest.raises(LinkGoneError):
        await world.accounts.link(token, ELSEWHERE)
    world.hasher.close()


async def test_two_uses_at_once_one_wins(world: World) -> None:
    await world.person()
    token = await reset_token(world)
    world.trail.events.clear()
    done = await asyncio.gather(
        world.accounts.redeem(token, NEW, HERE),
        world.accounts.redeem(token, "otra clave muy distinta", ELSEWHERE),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in done) == ["Account", "LinkGoneError"]
    assert sorted(world.trail.said()) == [("account", "link", "account.link-gone"), ("account", "password-reset", "")]
    winner = NEW if isinstance(done[1], LinkGoneError) else "otra clave muy distinta"
    assert await world.signed_in(password=winner)


async def test_a_refused_password_does_not_use_the_link_up(world: World) -> None:
    await world.person()
    token = await reset_token(world)
    for bad, message in (("corta", "too-short"), ("password1234", "common"), ("ana@example.org", "own-name"),
                         ("x" * 257, "too-long")):  # fmt: skip
        with pytest.raises(IncorrectError) as told:
            await world.accounts.redeem(token, bad, HERE)
        assert told.value.issues[0].message == f"password.{message}"
    await world.accounts.redeem(token, NEW, HERE)


async def test_asked_again_and_again_one_mail(world: World) -> None:
    await world.person()
    token = await reset_token(world)
    await world.accounts.ask_reset("ana@example.org", HERE)
    assert await world.mailroom.send_due() == 0
    await world.accounts.redeem(token, NEW, HERE)


async def test_nobody_is_buried_in_mails(world: World) -> None:
    await world.person()
    with pytest.raises(ThrottledError):
        for _ in range(7):
            await world.accounts.ask_reset("ana@example.org", ELSEWHERE)
    with pytest.raises(ThrottledError):
        for _ in range(7):
            await world.accounts.ask_reset("nobody@example.org", ELSEWHERE)
    assert await world.signed_in(address=ELSEWHERE)  # counted apart


async def test_no_readable_link_is_stored(world: World, fresh_dsn: str) -> None:
    await world.person()
    token = await reset_token(world)
    conn = await asyncpg.connect(fresh_dsn)
    for table in ("link", "mail", "account"):
        assert token not in str(await conn.fetch(f"select * from security.{table}"))
    await conn.close()


async def test_a_new_password_ends_the_waiting(world: World) -> None:
    """What strangers tried with the old one does not keep the owner out."""
    await world.person()
    for _ in range(6):
        with pytest.raises(WrongPasswordError):
            await world.accounts.sign_in("ana@example.org", "wrong", ELSEWHERE, "curl")
    with pytest.raises(ThrottledError):
        await world.signed_in()
    await world.accounts.redeem(await reset_token(world), NEW, HERE)
    assert await world.signed_in(password=NEW)


async def test_changing_the_password(world: World) -> None:
    await world.person()
    cookie, other = await world.signed_in(), await world.signed_in()
    session = await world.session(cookie)
    mailed = await reset_token(world)
    fresh = await world.accounts.change_password(cookie, session, GOOD, NEW, HERE)
    assert (await world.session(fresh)).id == session.id
    for ended in (cookie, other):
        assert await world.sessions.find(ended, HERE) is None
    with pytest.raises(LinkGoneError):
        await world.accounts.link(mailed, HERE)
    assert await world.signed_in(password=NEW)


async def test_changing_it_needs_the_current_one(world: World) -> None:
    await world.person()
    cookie = await world.signed_in()
    session = await world.session(cookie)
    for _ in range(6):
        with pytest.raises(WrongCurrentPasswordError):
            await world.accounts.change_password(cookie, session, "wrong", NEW, HERE)
    with pytest.raises(ThrottledError):
        await world.accounts.change_password(cookie, session, GOOD, NEW, HERE)
    assert ("account", "password", "account.wrong-current-password") in world.trail.said()
    assert await world.sessions.find(cookie, HERE)


async def test_a_new_password_is_judged_like_any(world: World) -> None:
    await world.person()
    cookie = await world.signed_in()
    with pytest.raises(IncorrectError):
        await world.accounts.change_password(cookie, await world.session(cookie), GOOD, "Ana Quispe 2026", HERE)
    assert await world.sessions.find(cookie, HERE)


async def test_a_session_begun_while_the_password_changes_does_not_outlive_it(world: World) -> None:
    """Verified against the old password, but not in yet: not any more."""
    await world.person()
    token = await reset_token(world)
    signing, done = await asyncio.gather(
        world.accounts.sign_in("ana@example.org", GOOD, HERE, "Firefox"),
        world.accounts.redeem(token, NEW, HERE),
        return_exceptions=True,
    )
    assert not isinstance(done, BaseException)
    if isinstance(signing, BaseException):
        assert isinstance(signing, WrongPasswordError)
    else:
        assert await world.sessions.find(signing.session_cookie, HERE) is None
