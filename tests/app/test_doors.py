"""No route without a door: what is not declared stops the start, what is declared is held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, WebSocket
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from tests.security.usecases.test_door import FROM, Sessions, Tokens, session
from tests.security.usecases.visitors import House, emptied, house

from kuska.app import site
from kuska.app.frame import Frame
from kuska.app.guarding import UndeclaredRouteError
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.metrics import HttpMetrics
from kuska.security.api import Door, guarded, needs_of, open_to_all
from kuska.security.settings import LimitSettings
from kuska.security.usecases.limits import Limits, ThrottledError

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("AP-10")]
COOKIE = {"cookie": "kuska=good"}


async def undeclared(request: Request) -> Response:
    return Response("secret")


def answering(mark: Callable[[Any], Any]) -> Any:
    async def endpoint(request: Request) -> Response:
        visit = getattr(request.state, "visit", None)
        return JSONResponse({"account": visit.access.caller.account if visit else None})

    return mark(endpoint)


def router(**endpoints: Any) -> APIRouter:
    made = APIRouter()
    for path, endpoint in endpoints.items():
        made.add_api_route(f"/{path}", endpoint, methods=["GET", "POST"], response_model=None)
    return made


@pytest.fixture
async def at(db: Database) -> House:
    await emptied(db)
    return house(db)


@pytest.fixture
def sessions() -> Sessions:
    kept = Sessions()
    kept.kept["good"] = session()
    return kept


@pytest.fixture
def door(at: House, sessions: Sessions) -> Door:
    caller = replace(at.caller("physician"), account="by-token", address="")
    return Door(
        tokens=Tokens(caller), sessions=sessions, policy=at.policy, trail=at.lines, limits=Limits(LimitSettings()),
        clock=at.clock,
    )  # fmt: skip


def built(at: House, door: Door | None, *routers: APIRouter) -> FastAPI:
    return site.build(at.db, HttpMetrics(), routers, door=door, clock=at.clock, fresh=timedelta(minutes=10))


@asynccontextmanager
async def client(app: FastAPI | Frame) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, client=(FROM, 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://kuska.test") as made:
        yield made


async def test_a_route_that_says_nothing_stops_the_start(at: House, door: Door) -> None:
    with pytest.raises(UndeclaredRouteError, match="/forgotten"):
        built(at, door, router(forgotten=undeclared))
    with pytest.raises(UndeclaredRouteError, match="/forgotten"):
        built(at, None, router(forgotten=undeclared))


async def test_one_that_brings_its_own_kind_of_route_too(at: House, door: Door, tmp_path: Any) -> None:
    plain = APIRouter()
    plain.add_route("/plain", undeclared)
    mounted = APIRouter()
    mounted.mount("/files", StaticFiles(directory=tmp_path))
    nested = APIRouter()
    nested.include_router(router(inner=answering(open_to_all("a test"))))
    talking = APIRouter()

    @talking.websocket("/talk")
    @open_to_all("a test")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()

    for one in (plain, mounted, nested, talking):
        with pytest.raises(UndeclaredRouteError):
            built(at, door, one)


async def test_nothing_is_added_behind_the_checks_back(at: House, door: Door) -> None:
    app = built(at, door)
    with pytest.raises(AttributeError):
        app.add_api_route("/later", undeclared)
    with pytest.raises(AttributeError):
        app.add_route("/later", undeclared)
    with pytest.raises(AttributeError):
        app.mount("/later", app)


async def test_requests_are_counted_by_the_routes_pattern(at: House, door: Door) -> None:
    """Let in or not; what is no route is `other`."""
    app = built(at, door, router(own=answering(guarded(signed_in=True)), all=answering(open_to_all("a test"))))
    metrics = HttpMetrics()
    framed = Frame(fhir=app, site=app, metrics=metrics, slow_seconds=60, loopback_only=False)
    async with client(framed) as http:
        for path in ("/own", "/all", "/nothing"):
            await http.get(path)
    said = metrics.render().decode()
    for route, status in (("/own", 401), ("/all", 200), ("other", 404)):
        assert f'kuska_http_requests_total{{method="GET",route="{route}",status="{status}"}} 1.0' in said


async def test_a_guarded_route_is_entered_by_the_door_only(at: House, door: Door) -> None:
    app = built(at, door, router(own=answering(guarded(signed_in=True)), all=answering(open_to_all("a test"))))
    async with client(app) as http:
        refused = await http.get("/own")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.headers["cache-control"] == "no-store"
        assert "account" not in refused.json()
        assert (await http.post("/own")).status_code == 401
        assert (await http.get("/own", headers={"authorization": "Bearer good"})).status_code == 401
        assert (await http.get("/own", headers=COOKIE)).json() == {"account": "account-1"}
        assert (await http.get("/all")).json() == {"account": None}
        assert (await http.get("/all", headers=COOKIE)).json() == {"account": None}


@pytest.mark.parametrize("path", ["/own/", "//own", "/own;x", "/%6fwn/", "/own/../own/", "/OWN"])
async def test_another_spelling_of_the_path_is_no_side_door(at: House, door: Door, path: str) -> None:
    app = built(at, door, router(own=answering(guarded(signed_in=True))))
    async with client(app) as http:
        assert (await http.get(f"http://kuska.test{path}")).status_code in (401, 404)


async def test_a_token_opens_what_is_declared_for_tokens(at: House, door: Door) -> None:
    app = built(
        at,
        door,
        router(
            token=answering(guarded(signed_in=True, by="token")), either=answering(guarded(signed_in=True, by="either"))
        ),
    )
    bearer = {"authorization": "Bearer good"}
    async with client(app) as http:
        assert (await http.get("/token", headers=bearer)).json() == {"account": "by-token"}
        assert (await http.get("/token", headers=COOKIE)).status_code == 401
        assert (await http.get("/either", headers=bearer)).json() == {"account": "by-token"}
        assert (await http.get("/either", headers=COOKIE)).json() == {"account": "account-1"}
        # A bad token is not mended by a good cookie, and of two tokens none counts.
        assert (await http.get("/either", headers={**COOKIE, "authorization": "Bearer bad"})).status_code == 401
        two = [("authorization", "Bearer good"), ("authorization", "Bearer bad")]
        assert (await http.get("/token", headers=two)).status_code == 401


async def test_a_feature_and_an_area_are_asked_for(at: House, door: Door) -> None:
    app = built(
        at,
        door,
        router(
            glass=answering(guarded(feature="break-glass")),
            roles=answering(guarded(feature="roles.read")),
            some=answering(guarded(feature=("roles.read", "break-glass"))),
            clinic=answering(guarded(area="clinic")),
            audit=answering(guarded(area="audit")),
            both=answering(guarded(feature="break-glass", area="audit")),
        ),
    )
    async with client(app) as http:
        status = {
            path: (await http.get(f"/{path}", headers=COOKIE)).status_code
            for path in ("glass", "roles", "some", "clinic", "audit", "both")
        }
    assert status == {"glass": 200, "roles": 403, "some": 200, "clinic": 200, "audit": 403, "both": 403}
    assert [(line.interaction, line.outcome, line.reason) for line in at.lines.events] == [
        ("/roles", "4", "security.feature"),
        ("/audit", "4", "security.area"),
        ("/both", "4", "security.area"),
    ]


@pytest.mark.requirement("QX-10")
async def test_who_asks_too_much_is_told_when_to_come_back(at: House) -> None:
    async def asking(request: Request) -> Response:
        raise ThrottledError(41.2)

    async with client(built(at, None, router(busy=open_to_all("a test")(asking)))) as http:
        answer = await http.get("/busy", headers={"origin": "https://app.example.org"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "42")
    assert "access-control-allow-origin" not in answer.headers


async def test_a_step_up_is_asked_for(at: House, door: Door) -> None:
    made = router(glass=answering(guarded(feature="break-glass", step_up=True)))
    made.add_api_route("/break", answering(guarded(feature="break-glass", step_up=True)), methods=["POST"])
    async with client(built(at, door, made)) as http:
        at.clock.advance(timedelta(minutes=4))
        assert (await http.get("/glass", headers=COOKIE)).status_code == 200
        # The form that was got in time may be sent for as long again.
        at.clock.advance(timedelta(minutes=5))
        assert (await http.post("/break", headers=COOKIE)).status_code == 200
        assert (await http.get("/glass", headers=COOKIE)).status_code == 403
        at.clock.advance(timedelta(minutes=1))
        refused = await http.post("/break", headers=COOKIE)
        assert refused.status_code == 403
        assert refused.json()["error"] == "forbidden"
    assert [line.reason for line in at.lines.events] == ["security.step-up"] * 2


async def test_a_declared_mount_is_served(at: House, door: Door, tmp_path: Any) -> None:
    (tmp_path / "a.css").write_text("a {}")
    made = APIRouter()
    made.mount("/files", open_to_all("a test")(StaticFiles(directory=tmp_path)))
    async with client(built(at, door, made)) as http:
        assert (await http.get("/files/a.css")).text == "a {}"


async def test_security_off_lets_everybody_in(at: House) -> None:
    async with client(built(at, None, router(own=answering(guarded(feature="break-glass"))))) as http:
        assert (await http.get("/own")).json() == {"account": "security-off"}


async def test_the_sites_own_routes_are_open_and_no_others(at: House, door: Door) -> None:
    app = built(at, door)
    assert {route.path for route in app.routes} == {"/", "/healthz", "/readyz", "/metrics"}  # type: ignore[attr-defined]
    async with client(app) as http:
        assert (await http.get("/readyz")).json() == {"status": "ok"}
        assert (await http.get("/docs")).status_code == 404
        assert (await http.get("/openapi.json")).status_code == 404


def test_a_declaration_says_something_and_only_once() -> None:
    for wrong in (lambda: open_to_all(" "), guarded, lambda: guarded(feature="no-such")):
        with pytest.raises(ValueError, match=r"say|feature"):
            wrong()
    with pytest.raises(ValueError, match="once"):
        open_to_all("a")(answering(guarded(signed_in=True)))
    assert needs_of(undeclared) is None
