"""Accounts that were there before, linked by their owner; and what the provider says about ended sessions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from tests.security.usecases.external.conftest import ADDRESS, House, RealProvider, house_with, provider
from tests.security.usecases.factors.device import Device

from kuska.infra.postgres.database import Database
from kuska.security.domain.accounts import Account
from kuska.security.domain.external import ProvidersFile
from kuska.security.domain.sessions import Session
from kuska.security.errors import StepUpError
from kuska.security.routes import external as routes
from kuska.security.settings import LimitSettings
from kuska.security.usecases.external.errors import ExternalError
from kuska.security.usecases.factors.errors import WrongFactorError
from kuska.security.usecases.limits import Limits
from kuska.security.visit import event_id

pytestmark = [pytest.mark.requirement("HC-08"), pytest.mark.requirement("AP-10")]


async def local_person(house: House, *methods: str) -> Session:
    """Somebody with an account of their own, who has just shown these."""
    now = house.external._parts.clock.now()
    account = Account(
        id=event_id(), kind="person", tenant="demo", login=f"{uuid4()}@example.org", display_name="Ana", status="active",
        country="PE", roles=("coordinator",), created=now, updated=now,
    )  # fmt: skip
    async with house.db.write() as tx:
        await house.external._parts.store.add(tx, account, None)
    cookie = await house.sessions.start(
        account, methods=methods or ("pwd",), pending=False, address=ADDRESS, agent="test"
    )
    session = await house.sessions.find(cookie, ADDRESS)
    assert session
    return session


async def linked(house: House, idp: RealProvider, session: Session, login: str) -> None:
    begun = await house.external.begin("known", "/cuenta", link=session)
    assert "prompt=login" in begun.url
    done = await house.came_back(begun, await idp.visited(begun.url, login), "known")
    assert done.session_cookie == ""
    assert done.next == "/cuenta"


async def test_linked_by_its_owner_and_signed_in_from_then_on(house: House, idp: RealProvider) -> None:
    session, login = await local_person(house), f"ana-{uuid4()}"
    await idp.people(**{login: {"groups": ["medicos"], "name": "Otro Nombre"}})
    begun = await house.external.begin("known", "/")
    with pytest.raises(ExternalError, match=r"external\.not-known"):
        await house.came_back(begun, await idp.visited(begun.url, login), "known")
    await linked(house, idp, session, login)
    begun = await house.external.begin("known", "/")
    done = await house.came_back(begun, await idp.visited(begun.url, login), "known")
    assert done.account.id == session.account.id
    # The provider says who it is, and nothing more: roles and name stay as they were given here
    assert done.account.roles == ("coordinator",)
    assert done.account.display_name == "Ana"
    assert house.told == [(session.account.id, "external-linked")]
    assert [each.subject for each in await house.external.of_account(session.account.id)] == [login]


async def test_one_person_of_a_provider_is_one_account_here(house: House, idp: RealProvider) -> None:
    login = f"ana-{uuid4()}"
    await linked(house, idp, await local_person(house), login)
    with pytest.raises(ExternalError, match=r"external\.linked-already"):
        await linked(house, idp, await local_person(house), login)


async def test_only_who_has_just_shown_who_they_are_links(house: House) -> None:
    session = await local_person(house)
    past = tuple(moment - timedelta(minutes=11) for moment in session.shown)
    for stale in (replace(session, shown=past), replace(session, methods=(), shown=())):
        with pytest.raises(StepUpError):
            await house.external.begin("known", "/cuenta", link=stale)
        with pytest.raises(StepUpError):
            await house.external.unlink(stale, "x", "y")


async def test_unlinked_by_its_owner_alone(house: House, idp: RealProvider) -> None:
    session, login = await local_person(house), f"ana-{uuid4()}"
    await linked(house, idp, session, login)
    assert not await house.external.unlink(await local_person(house), idp.issuer, login)
    assert await house.external.unlink(session, idp.issuer, login)
    assert await house.external.of_account(session.account.id) == []


async def test_an_account_made_for_a_provider_is_not_unlinked(house: House, idp: RealProvider) -> None:
    login = f"ana-{uuid4()}"
    await idp.people(**{login: {"groups": ["admision"]}})
    begun = await house.external.begin("hospital", "/")
    done = await house.came_back(begun, await idp.visited(begun.url, login))
    session = await house.sessions.find(done.session_cookie, ADDRESS)
    assert session
    assert not await house.external.unlink(session, idp.issuer, login)


async def test_a_session_that_ends_there_ends_here(house: House, idp: RealProvider) -> None:
    """Back-channel logout, as the real provider says it; our page passes it on."""
    login = f"ana-{uuid4()}"
    await idp.people(**{login: {"groups": ["admision"]}})
    begun = await house.external.begin("hospital", "/")
    site = FastAPI()
    site.include_router(routes.build(house.external))
    async with (
        httpx.AsyncClient(follow_redirects=False) as browser,
        httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://us") as us,
    ):
        done = await house.came_back(begun, await idp.visited(begun.url, login, browser=browser))
        assert await house.sessions.find(done.session_cookie, ADDRESS)
        await idp.left(browser, await house.external.way_out("hospital"))
        message = await asyncio.wait_for(idp.said.get(), 60)
        path = "/externo/hospital/salida"
        form = {"content-type": "application/x-www-form-urlencoded"}
        # What is not signed by the provider is not obeyed
        token = parse_qs(message.decode())["logout_token"][0]
        head, body, signature = token.split(".")
        for bad in ("", "x", f"{head}.{body}.{signature[::-1]}", f"{head}.{body}.", "y" * 70_000):
            assert (await us.post(path, data={"logout_token": bad})).status_code == 400
        assert (await us.post(path, content=b"\xff" * 10, headers=form)).status_code == 400
        assert (await us.post(path, content=b"a=1&" * 100, headers=form)).status_code == 400
        assert (await us.post("/externo/nobody/salida", content=message, headers=form)).status_code == 400
        assert await house.sessions.find(done.session_cookie, ADDRESS)
        assert (await us.post(path, content=message, headers=form)).status_code == 200
        assert await house.sessions.find(done.session_cookie, ADDRESS) is None
        # Once
        assert (await us.post(path, content=message, headers=form)).status_code == 400


@pytest.mark.requirement("HC-07")
async def test_whoever_says_that_sessions_ended_without_being_the_provider_waits(
    db: Database, idp: RealProvider, tmp_path: Path
) -> None:
    limits = Limits(LimitSettings(failures_per_minute=1, failures_burst=2), now=lambda: 0.0)
    async with house_with(db, ProvidersFile(provider=(provider(idp.issuer, tmp_path),)), limits=limits) as house:
        site = FastAPI()
        site.include_router(routes.build(house.external))
        transport = httpx.ASGITransport(site, client=(ADDRESS, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://us") as us:
            answers = [await us.post("/externo/hospital/salida", data={"logout_token": "a.b.c"}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [400, 400, 429]
        lines = [(event.kind, event.outcome, event.caller.address) for event in house.trail.seen]
        assert lines == [("logout", "4", ADDRESS)] * 2
        assert all(house.reasons())


async def test_a_passkey_does_not_open_what_a_provider_shuts(house: House, idp: RealProvider) -> None:
    """Who was dismissed there must not come in here past it."""
    login = f"ana-{uuid4()}"
    await idp.people(**{login: {"groups": ["admision"]}})
    begun = await house.external.begin("hospital", "/")
    done = await house.came_back(begun, await idp.visited(begun.url, login))
    session = await house.sessions.find(done.session_cookie, ADDRESS)
    assert session
    phone = Device("https://record.example.org")
    options = await house.factors.begin_passkey_registration(session)
    await house.factors.finish_passkey_registration(session, "", phone.register(options))
    options = await house.factors.begin_passkey_sign_in("browser")
    with pytest.raises(WrongFactorError) as refused:
        await house.factors.finish_passkey_sign_in("browser", phone.sign_in(options), ADDRESS)
    assert refused.value.reason == "factors.provider-first"
