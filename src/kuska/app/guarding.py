"""Holds the site's routes to what they said they need. A route that said nothing stops the start.

The check is around the route, not in it: the endpoint runs only when the door has let somebody in, and finds the visit in
`request.state.visit`. Routes cannot be added later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute, Mount, Route

from kuska.app.frame import ROUTE
from kuska.kit.clock import Clock
from kuska.security.api import Door, Needs, NobodyError, RefusedByPolicyError, StepUpError, Visit, needs_of, visit_off

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class UndeclaredRouteError(Exception):
    """Routes that do not say who may call them. Put @open_to_all(…) or @guarded(…) of kuska.security.api on each."""


def take(site: FastAPI, routers: Sequence[APIRouter]) -> None:
    """The routers' routes become the site's own: a router that is included whole would hide them."""
    for router in routers:
        site.router.routes.extend(router.routes)


def guard(site: FastAPI, door: Door | None, clock: Clock, fresh: timedelta) -> None:
    """After the last route. `door`: None when security is off."""
    undeclared: list[str] = []
    for route in site.router.routes:
        needs = needs_of(_endpoint(route))
        if needs is None:
            undeclared.append(getattr(route, "path", repr(route)))
        elif isinstance(route, Route | Mount):
            route.app = _Guarded(route.app, needs, door, clock, fresh, path=route.path)
    if undeclared:
        raise UndeclaredRouteError(", ".join(undeclared))
    # Nothing can be added behind the check's back: a tuple has no append.
    site.router.routes = tuple(site.router.routes)  # pyright: ignore[reportAttributeAccessIssue]


def _endpoint(route: BaseRoute) -> object:
    """Other kinds of routes (websockets, routers within routers) have none that counts, so they are not served."""
    match route:
        case Mount():
            return route.app
        case Route():
            return route.endpoint
        case _:
            return None


class _Guarded:
    """A route's application behind its door."""

    def __init__(
        self, app: AsgiApp, needs: Needs, door: Door | None, clock: Clock, fresh: timedelta, *, path: str
    ) -> None:
        """`path`: the route's pattern."""
        self._path = path
        self._app = app
        self.needs = needs
        self._door = door
        self._clock = clock
        self._fresh = fresh

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[ROUTE] = self._path  # for the frame's metrics and logs, also of what is refused here
        if not self.needs.why_open:
            scope.setdefault("state", {})["visit"] = await self._enter(scope)
        await self._app(scope, receive, send)

    async def _enter(self, scope: Scope) -> Visit:
        if self._door is None:
            return visit_off(self._clock)
        headers = _headers(scope)
        address = (scope.get("client") or ("", 0))[0]
        request = str(scope.get("kuska.request", ""))
        needs = self.needs
        # A form is given out with time left to fill it in, so that what is typed is not lost to a step-up when it is sent.
        fresh = self._fresh / 2 if scope["method"] == "GET" else self._fresh
        if needs.by == "token" or (needs.by == "either" and b"authorization" in headers):
            visit = await self._door.enter(headers, address=address, request=request)
        else:
            visit = await self._door.enter_page(headers, address=address, request=request)
        try:
            needs.check(visit.access, self._clock.now(), fresh)
        except (RefusedByPolicyError, StepUpError) as error:
            reason = error.reason if isinstance(error, RefusedByPolicyError) else "security.step-up"
            # The pattern, not the path: no ids of people who may not even exist.
            event = visit.event("E", kind="door", outcome="4", reason=reason)
            await visit.trail.keep(replace(event, interaction=self._path))
            raise
        return visit


def _headers(scope: Scope) -> Mapping[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name == b"authorization" and name in headers:
            raise NobodyError("security.two-tokens")
        headers[name] = value
    return headers
