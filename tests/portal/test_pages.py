"""What pages say when something goes wrong, without a browser."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kuska.app import site
from kuska.infra.mail.smtp import Mail
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.metrics import HttpMetrics
from kuska.kit.clock import SystemClock
from kuska.portal import pages
from kuska.security.api import NewAccount, open_security, open_to_all
from kuska.security.domain.sealing import passing_ring
from kuska.security.settings import LimitSettings, SecuritySettings

PAGE = {"accept": "text/html"}
SETTINGS = SecuritySettings(argon2_memory=7_168, argon2_passes=1, public_url="https://record.example.org")
FOR_EVERYBODY = {"/", "/login", "/registro", "/clave", "/idioma/x"}


class NoMails:
    configured = False

    async def send(self, mail: Mail) -> None:
        raise AssertionError(mail)


async def test_refusals_are_pages_for_people_and_lines_for_programs(fresh_db: Database, tmp_path: Path) -> None:
    router = APIRouter()

    @open_to_all("a test")
    async def broken(request: Request) -> Response:
        raise RuntimeError("secret of the inside")

    router.add_route("/broken", broken)
    async with open_security(
        fresh_db, SETTINGS, SystemClock(), "", tmp_path, limits=LimitSettings(), sealer=passing_ring(), mailer=NoMails()
    ) as security:
        made = pages.build(security, secure=True, zone=ZoneInfo("America/Lima"))
        app = site.build(fresh_db, HttpMetrics(), [made.router, router], door=security.door)
        made.attend(app)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://record.example.org") as http:
            for path, status in (("/broken", 500), ("/nowhere", 404), ("/cuenta", 303), ("/admin/cuentas", 303)):
                answer = await http.get(path, headers=PAGE)
                assert answer.status_code == status, path
                assert "secret of the inside" not in answer.text
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
                assert answer.headers["strict-transport-security"]
            assert (await http.get("/broken")).json() == {"error": {"family": "fault", "issues": []}}
            assert (await http.get("/nowhere")).status_code == 404
            assert (await http.get("/cuenta")).status_code == 401
            # The way in is not a door for machines: what is no form of ours is refused (OAuth is theirs).
            assert (await http.post("/login", json={"login": "a", "password": "b"})).status_code == 403
            assert set(http.cookies) == {"__Host-kuska-entry"}
            english = await http.get("/login", headers=PAGE | {"accept-language": "en"})
            assert 'lang="en"' in english.text
            assert "Sign in" in english.text
            # No way of writing a path opens what its plain form does not.
            for path in ("/%61dmin/cuentas", "//admin/cuentas", "/admin//cuentas", "/ADMIN/cuentas", "/admin/cuentas/",
                         "/admin/cuentas;x", "/admin/cuentas%2f", "/x/../admin/cuentas", "/admin%2fcuentas"):  # fmt: skip
                assert (await http.get(path, headers=PAGE)).status_code in (303, 404), path
            for method in ("PUT", "DELETE", "PATCH", "TRACE", "GET"):
                assert (await http.request(method, "/logout", headers=PAGE)).status_code == 405, method
            # By https only the name that no neighbour can set counts.
            account = await security.accounts.create(NewAccount(login="a", display_name="A", roles=("patient",)))
            cookie = await security.sessions.start(
                account, methods=("pwd",), pending=False, address="127.0.0.1", agent=""
            )
            assert (await http.get("/cuenta", headers=PAGE | {"cookie": f"kuska={cookie}"})).status_code == 303
            assert (await http.get("/cuenta", headers=PAGE | {"cookie": f"__Host-kuska={cookie}"})).status_code == 200
            # Without the database a page says so.
            await fresh_db.close()
            gone = await http.get("/cuenta", headers=PAGE | {"cookie": "__Host-kuska=unknown"})
            assert gone.status_code == 503
            assert "<h1>" in gone.text


@pytest.mark.requirement("HC-04")
async def test_no_page_opens_without_a_session_and_no_form_without_its_token(db: Database, tmp_path: Path) -> None:
    """Of all routes there are, so that a new one is tried too."""
    async with open_security(
        db,
        SETTINGS,
        SystemClock(),
        "",
        tmp_path,
        limits=LimitSettings(failures_burst=10_000),
        sealer=passing_ring(),
        mailer=NoMails(),
    ) as security:
        made = pages.build(security, secure=True, zone=ZoneInfo("America/Lima"))
        app = site.build(db, HttpMetrics(), [made.router], door=security.door)
        made.attend(app)
        tried: set[str] = set()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SETTINGS.public_url) as http:
            for route in made.router.routes:
                assert isinstance(route, Route)
                path = re.sub(r"\{version:int\}", "1", route.path)
                path = re.sub(r"\{\w+\}", "x", path)
                if "POST" in (route.methods or ()):
                    token = {"token": "0" * 64}
                    for headers in (PAGE, PAGE | {"sec-fetch-site": "same-origin"}):
                        answer = await http.post(path, data=token, headers=headers)
                        assert answer.status_code == 403 or _to_the_way_in(answer), path
                        assert "kuska=" not in answer.headers.get("set-cookie", "").replace("__Host-kuska-entry=", "")
                elif path not in FOR_EVERYBODY:
                    answer = await http.get(path, headers=PAGE)
                    assert answer.status_code in (400, 401, 404, 410) or _to_the_way_in(answer), path
                tried.add(path)
        assert len(tried) > 30


def _to_the_way_in(answer: httpx.Response) -> bool:
    return answer.status_code == 303 and answer.headers["location"].startswith("/login")
