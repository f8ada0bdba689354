"""Who guesses at the open pages is told to wait, by a page; and everybody else is not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from tests.portal.test_pages import PAGE, SETTINGS, NoMails

from kuska.app import site
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.metrics import HttpMetrics
from kuska.kit.clock import SystemClock
from kuska.kit.errors import KuskaError
from kuska.portal import pages
from kuska.security.api import OPERATOR, Client, NewAccount, Security, open_security
from kuska.security.domain.scopes import read
from kuska.security.domain.sealing import passing_ring
from kuska.security.domain.trail_question import Question
from kuska.security.routes import oauth as oauth_routes
from kuska.security.settings import LimitSettings

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("HC-07")]
HERE, ELSEWHERE = "203.0.113.7", "198.51.100.9"
BURST = 3


@pytest.fixture
async def security(fresh_db: Database, tmp_path: Path) -> AsyncIterator[Security]:
    limits = LimitSettings(failures_per_minute=1, failures_burst=BURST)
    async with open_security(
        fresh_db, SETTINGS, SystemClock(), "", tmp_path, limits=limits, sealer=passing_ring(), mailer=NoMails()
    ) as opened:
        yield opened


@pytest.fixture
def built(security: Security, fresh_db: Database) -> FastAPI:
    made = pages.build(security, secure=True, zone=ZoneInfo("America/Lima"))
    routers = [made.router, oauth_routes.build(security.oauth)]
    app = site.build(fresh_db, HttpMetrics(), routers, door=security.door)
    made.attend(app)
    return app


def _http(app: FastAPI, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url=SETTINGS.public_url, headers=PAGE)


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ("GET /clave/guessed", 410, ("account", "account.link-gone", "link")),
        ("GET /invitacion/guessed", 410, ("account", "account.link-gone", "link")),
        ("GET /oauth/authorize?client_id=guessed", 400, ("token", "security.client-unknown", "authorize")),
        ("GET /oauth/authorize?handle=guessed", 400, ("token", "security.request-expired", "authorize")),
        ("POST /login", 403, ("door", "ui.foreign-form", "form")),
        ("POST /clave/guessed", 403, ("door", "ui.foreign-form", "form")),
        ("GET /oauth/userinfo", 401, ("token", "security.no-token", "token")),
    ],
)
async def test_who_guesses_waits(
    security: Security, built: FastAPI, asked: str, status: int, said: tuple[str, str, str]
) -> None:
    (method, path), (*line, counted) = asked.split(), said
    async with _http(built, HERE) as http:
        answers = [await http.request(method, path) for _ in range(BURST + 2)]
        assert [answer.status_code for answer in answers] == [status] * BURST + [429, 429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert (await http.get("/login")).status_code == 200, "what is no guess does not wait"
    async with _http(built, ELSEWHERE) as http:
        assert (await http.request(method, path)).status_code == status
    await security.trail.settled()
    found = (await security.trail.search(Question(outcome="4"))).events
    lines = [(event.kind, event.reason, event.caller.address) for event in found]
    assert sorted(lines) == sorted([(*line, HERE)] * BURST + [(*line, ELSEWHERE)])
    assert _counted(security) == {counted: BURST + 3}


def _counted(security: Security) -> dict[str, int]:
    """How many of which were refused, as an alarm sees it."""
    metrics = HttpMetrics()
    security.refusals.metrics.join(metrics.registry)
    found = re.findall(r'kuska_security_refused_total{reason="([a-z-]+)"} (\d+)', metrics.render().decode())
    return {reason: int(times) for reason, times in found if int(times)}


async def test_what_is_limited_in_a_way_of_its_own_is_counted_too(security: Security) -> None:
    new = NewAccount(login="ana@example.org", display_name="Ana", roles=("patient",), patient="p1")
    account = await security.accounts.create(new, "una frase bastante larga")
    cookie = await security.sessions.start(account, methods=("pwd",), pending=False, address=HERE, agent="")
    session = await security.sessions.find(cookie, HERE)
    assert session is not None
    client, secret = await security.oauth.clients.register(
        Client(
            id="", name="Lab", kind="confidential-secret", grants=("client_credentials",), scope=read("system/*.rs")
        ),
        OPERATOR,
    )
    expected: Counter[str] = Counter()

    async def refused(tried: Awaitable[object], reason: str) -> None:
        with pytest.raises(KuskaError):
            await tried
        expected[reason] += 1
        assert _counted(security) == expected

    await refused(security.accounts.sign_in("ana@example.org", "wrong", HERE, ""), "sign-in")
    await refused(security.accounts.sign_in("nobody@example.org", "wrong", HERE, ""), "sign-in")
    await refused(security.accounts.change_password(cookie, session, "wrong", "another", HERE), "sign-in")
    await refused(security.factors.verify(session, "totp", "000000"), "factor")
    wrong = {"client_id": client.id, "client_secret": "wrong"}
    await refused(security.oauth.client_door.enter(wrong, "", HERE), "client")
    assert await security.oauth.client_door.enter({**wrong, "client_secret": secret}, "", HERE)
    await refused(security.oauth.token(client, {"grant_type": "refresh_token"}, HERE), "grant")
    shown = {b"cookie": f"__Host-kuska={cookie}".encode()}
    await refused(security.door.enter_page(shown, address=HERE, purpose="HRESCH"), "policy")
    await refused(security.door.enter_page({b"cookie": b"__Host-kuska=x"}, address=HERE), "session")
