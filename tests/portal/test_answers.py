"""What is true of every answer of the site, whatever the route."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from tests.portal.test_pages import NoMails

from kuska.app import site
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.metrics import HttpMetrics
from kuska.kit.clock import SystemClock
from kuska.portal import pages
from kuska.portal.ui import csrf
from kuska.security.api import NewAccount, Security, open_security
from kuska.security.domain.sealing import passing_ring
from kuska.security.settings import LimitSettings, SecuritySettings

pytestmark = pytest.mark.requirement("HC-04")
STATIC = Path(pages.__file__).parent / "ui" / "static"
HOME = "https://record.example.org"


@pytest.fixture
async def security(fresh_db: Database, tmp_path: Path) -> AsyncIterator[Security]:
    settings = SecuritySettings(argon2_memory=7_168, argon2_passes=1, public_url=HOME)
    async with open_security(
        fresh_db, settings, SystemClock(), "", tmp_path, limits=LimitSettings(), sealer=passing_ring(), mailer=NoMails()
    ) as opened:
        yield opened


@pytest.fixture
def built(security: Security, fresh_db: Database) -> FastAPI:
    made = pages.build(security, secure=True, zone=ZoneInfo("America/Lima"))
    app = site.build(fresh_db, HttpMetrics(), [made.router], door=security.door)
    made.attend(app)
    return app


async def test_no_other_origin_reads_a_page_and_no_request_is_echoed(built: FastAPI) -> None:
    paths = {str(getattr(route, "path", "")) for route in built.router.routes}
    assert len(paths) > 40
    async with httpx.AsyncClient(transport=httpx.ASGITransport(built), base_url=HOME) as http:
        for path in sorted(paths):
            concrete = path.replace("{", "").replace("}", "")
            asked = {"accept": "text/html", "origin": "https://evil.example", "cookie": "__Host-kuska=guess"}
            answer = await http.get(concrete, headers=asked)
            assert answer.status_code < 500, path
            assert not [name for name in answer.headers if name.startswith("access-control-")], path
            if answer.content:
                kind = answer.headers["content-type"]
                assert "charset=utf-8" in kind or kind == "application/json", path
            echoed = await http.request("TRACE", concrete, headers=asked)
            assert echoed.status_code in (404, 405), path
            assert "guess" not in echoed.text


async def test_a_new_installation_has_no_account(built: FastAPI, fresh_db: Database) -> None:
    async with fresh_db.read() as conn:
        assert await conn.fetchval("select count(*) from security.account") == 0
        assert await conn.fetchval("select count(*) from security.client") == 0


async def test_signing_in_again_ends_the_session_before(built: FastAPI, security: Security) -> None:
    new = NewAccount(login="ana@example.org", display_name="Ana", roles=("patient",), patient="p1")
    account = await security.accounts.create(new, "una frase bastante larga")
    before = await security.sessions.start(account, methods=("pwd",), pending=False, address="", agent="")
    form = {"login": "ana@example.org", "password": "una frase bastante larga", "token": csrf.token(before)}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(built), base_url=HOME) as http:
        headers = {"cookie": f"__Host-kuska={before}", "sec-fetch-site": "same-origin"}
        answer = await http.post("/login", data=form, headers=headers)
    assert answer.status_code == 303
    assert await security.sessions.find(before, "") is None
    assert await security.sessions.find(http.cookies["__Host-kuska"], "")


async def test_signing_out_leaves_nothing_in_the_browser(built: FastAPI, security: Security) -> None:
    new = NewAccount(login="ana@example.org", display_name="Ana", roles=("patient",), patient="p1")
    account = await security.accounts.create(new)
    cookie = await security.sessions.start(account, methods=("webauthn",), pending=False, address="", agent="")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(built), base_url=HOME) as http:
        headers = {"cookie": f"__Host-kuska={cookie}", "sec-fetch-site": "same-origin"}
        answer = await http.post("/logout", data={"token": csrf.token(cookie)}, headers=headers)
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert '__Host-kuska=""' in answer.headers["set-cookie"]
    assert await security.sessions.find(cookie, "") is None


def test_our_scripts_keep_nothing_and_build_no_markup() -> None:
    scripts = {path.name: path.read_text() for path in STATIC.glob("*.js")}
    assert scripts
    for name, text in scripts.items():
        for word in ("localStorage", "sessionStorage", "indexedDB", "document.cookie", "innerHTML", "outerHTML",
                     "insertAdjacentHTML", "document.write", "postMessage", "eval(", "Function(", "__proto__"):  # fmt: skip
            assert word not in text, (name, word)


def test_passwords_are_masked_and_left_to_password_managers() -> None:
    fields = [
        line
        for path in STATIC.parent.parent.glob("*/templates/*.html")
        for line in path.read_text().splitlines()
        if 'type="password"' in line and "f.field(" in line
    ]
    assert len(fields) >= 6
    assert all('autocomplete="current-password"' in line or 'autocomplete="new-password"' in line for line in fields)
    assert not [path for path in STATIC.parent.parent.glob("*/templates/*.html") if "onpaste" in path.read_text()]
