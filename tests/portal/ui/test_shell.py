"""The frame of the pages without a browser: tokens, origins, headers, paths, files."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from kuska.portal.ui import csrf
from kuska.portal.ui.assets import Assets
from kuska.portal.ui.cookies import Cookies
from kuska.portal.ui.headers import Hardened
from kuska.portal.ui.paths import local
from kuska.portal.ui.reader import NOBODY
from kuska.portal.ui.shell import Shell
from kuska.security.errors import NobodyError, StepUpError

OWN = {"sec-fetch-site": "same-origin"}
HOST = "record.example.org"


class Nobody:
    async def __call__(self, request: Request) -> None:
        request.state.reader = NOBODY

    def foreign(self, request: Request) -> None:
        foreign.append(request.url.path)


foreign: list[str] = []


def client(*, secure: bool = False) -> httpx.AsyncClient:
    shell = Shell(Assets(), Cookies(secure), ZoneInfo("America/Lima"), Nobody())
    router = APIRouter()

    async def home(request: Request) -> Response:
        return shell.page(request, "home/home.html")

    async def take(request: Request) -> Response:
        return PlainTextResponse((await shell.form(request)).text("said"))

    async def nobody(request: Request) -> Response:
        raise NobodyError

    async def step_up(request: Request) -> Response:
        raise StepUpError

    shell.get(router, "/", home)
    shell.post(router, "/take", take)
    shell.get(router, "/private", nobody)
    shell.get(router, "/delicate", step_up)
    shell.post(router, "/delicate/done", step_up)
    router.add_route("/estatico/{name}", shell.assets.serve, methods=["GET"])
    site = FastAPI()
    site.include_router(router)
    site.add_api_route("/json", lambda: {"a": 1})
    base = f"{'https' if secure else 'http'}://{HOST}"
    return httpx.AsyncClient(transport=httpx.ASGITransport(Hardened(site, secure=secure)), base_url=base)


async def opened(http: httpx.AsyncClient) -> str:
    assert (await http.get("/")).status_code == 200
    return csrf.token(http.cookies["kuska-entry"])


@pytest.mark.requirement("HC-04")
async def test_a_form_of_our_own_page_is_taken() -> None:
    async with client() as http:
        token = await opened(http)
        assert (await http.post("/take", data={"token": token, "said": " yes "}, headers=OWN)).text == "yes"
        own_origin = {"origin": f"http://{HOST}"}
        assert (await http.post("/take", data={"token": token, "said": "old browser"}, headers=own_origin)).is_success


@pytest.mark.requirement("HC-04")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": f"http://{HOST}.evil.example"},
        {"origin": f"http://{HOST}:81"},
        {"sec-fetch-site": "cross-site", "origin": f"http://{HOST}"},
    ],
)
async def test_a_form_from_elsewhere_is_refused_even_with_a_good_token(headers: dict[str, str]) -> None:
    async with client() as http:
        token = await opened(http)
        foreign.clear()
        assert (await http.post("/take", data={"token": token}, headers=headers)).status_code == 403
        assert foreign == ["/take"]


@pytest.mark.requirement("HC-04")
async def test_no_token_or_another_sessions_token_is_refused() -> None:
    async with client() as http, client() as other:
        token, foreign = await opened(http), await opened(other)
        assert token != foreign
        for wrong in ({"said": "x"}, {"token": ""}, {"token": foreign}, {"token": token[:-1]}, {"token": "ñ"}):
            assert (await http.post("/take", data=wrong, headers=OWN)).status_code == 403, wrong
        http.cookies.clear()
        assert (await http.post("/take", data={"token": token}, headers=OWN)).status_code == 403
        assert (await http.post("/take", data={"token": csrf.token("")}, headers=OWN)).status_code == 403


async def test_only_forms_of_a_sensible_size_are_read() -> None:
    async with client() as http:
        token = await opened(http)
        assert (await http.post("/take", json={"token": token}, headers=OWN)).status_code == 400
        as_text = OWN | {"content-type": "text/plain"}
        assert (await http.post("/take", content=f"token={token}", headers=as_text)).status_code == 400
        assert (await http.post("/take", data={"token": token, "said": "x" * 70_000}, headers=OWN)).status_code == 400
        many = {f"f{number}": "" for number in range(300)} | {"token": token}
        assert (await http.post("/take", data=many, headers=OWN)).status_code == 400
        assert (await http.post("/take", data={"token": token, "said": "\x00"}, headers=OWN)).status_code == 400


@pytest.mark.parametrize("path", ["/", "/json", "/nowhere", "/private", "/estatico/../secret"])
async def test_every_answer_carries_the_headers(path: str) -> None:
    async with client(secure=True) as http:
        headers = (await http.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["strict-transport-security"].startswith("max-age=31536000")
    assert headers["cache-control"] == "no-store"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert len(headers.get_list("cache-control")) == len(headers.get_list("content-security-policy")) == 1


async def test_each_page_has_a_nonce_of_its_own_and_nothing_inline() -> None:
    async with client() as http:
        first, second = await http.get("/"), await http.get("/")
    nonces = [re.search(r"'nonce-([^']+)'", each.headers["content-security-policy"]) for each in (first, second)]
    assert nonces[0]
    assert nonces[1]
    assert nonces[0][1] != nonces[1][1]
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", first.text)
    assert "strict-transport-security" not in first.headers  # plain http is for localhost


async def test_cookies_are_hidden_from_scripts_and_bound_to_the_host() -> None:
    async with client(secure=True) as http:
        given = (await http.get("/")).headers["set-cookie"]
    assert given.startswith("__Host-kuska-entry=")
    for mark in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert mark in given
    assert "Domain" not in given


async def test_who_is_not_known_goes_to_the_sign_in_and_back() -> None:
    async with client() as http:
        assert (await http.get("/private?a=1&b=2")).headers["location"] == "/login?next=/private%3Fa%3D1%26b%3D2"
        assert (await http.get("/delicate")).headers["location"] == "/verificar?next=/delicate"
        for came, back in (
            (f"http://{HOST}/delicate?a=1", "/delicate%3Fa%3D1"),
            ("http://evil.example/x", "/"),
            ("", "/"),
        ):
            answer = await http.post("/delicate/done", headers={"referer": came})
            assert answer.headers["location"] == f"/verificar?next={back}"


async def test_files_have_their_content_in_their_name() -> None:
    assets = Assets()
    async with client() as http:
        style = await http.get(assets.url("kuska.css"))
        assert style.is_success
        assert style.headers["content-type"].startswith("text/css")
        assert "immutable" in style.headers["cache-control"]
        assert (await http.get("/estatico/kuska.css")).status_code == 404
        assert (await http.get("/estatico/%2e%2e%2fshell.py")).status_code == 404


def test_the_way_back_is_one_of_ours() -> None:
    for good in ("/", "/cuenta", "/oauth/authorize?client_id=a&redirect_uri=https://x.example/y"):
        assert local(good) == good
    for bad in (
        "",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/a\r\nb",
        "/a\\b",
    ):
        assert local(bad) == "/", bad


@given(st.text())
def test_the_way_back_is_never_another_host(path: str) -> None:
    found = local(path)
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))


@given(st.text())
def test_an_origin_is_ours_only_when_it_names_our_host(origin: str) -> None:
    if csrf.from_own_page(Headers({"host": HOST, "origin": origin.encode("ascii", "ignore").decode()})):
        assert f"//{HOST}" in origin
