"""Everything outside /fhir: health, metrics, and the routes that the contexts bring."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from kuska import __version__
from kuska.app import guarding
from kuska.fhir.api import status_of
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.metrics import CONTENT_TYPE, HttpMetrics
from kuska.kit.clock import Clock, SystemClock
from kuska.kit.errors import KuskaError, UnauthenticatedError
from kuska.kit.messages import language, render
from kuska.security.api import Door, open_to_all

Refuse = Callable[[Request, Exception], Response | Awaitable[Response]]
_FRESH = timedelta(minutes=10)


def build(
    db: Database,
    metrics: HttpMetrics,
    routers: Sequence[APIRouter],
    *,
    door: Door | None = None,
    clock: Clock | None = None,
    fresh: timedelta = _FRESH,
    refuse: Refuse | None = None,
) -> FastAPI:
    """`door`: None when security is off. `refuse`: what who is not let in sees; a short JSON where nothing is given.

    Raises UndeclaredRouteError when a route does not say who may call it.
    """
    site = FastAPI(
        title="Kuska",
        version=__version__,
        # No generated documentation pages: they load scripts from other hosts.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # The redirect would repeat whatever host the client named.
        redirect_slashes=False,
    )

    @open_to_all("what this server is; nothing of anybody")
    async def index() -> JSONResponse:
        return JSONResponse({"name": "Kuska", "version": __version__, "fhir": "/fhir/metadata", "health": "/readyz"})

    @open_to_all("asked by whoever keeps the process running")
    async def healthz() -> JSONResponse:
        """The process lives and its loop turns."""
        return JSONResponse({"status": "ok"})

    @open_to_all("asked by whoever sends requests here")
    async def readyz() -> JSONResponse:
        """The process can do its work now: the database answers."""
        try:
            async with asyncio.timeout(2):
                async with db.read() as conn:
                    await conn.fetchval("select 1")
        except (KuskaError, TimeoutError):
            return JSONResponse({"status": "unavailable", "database": "unreachable"}, status_code=503)
        return JSONResponse({"status": "ok"})

    @open_to_all("figures without ids, for monitoring; a proxy keeps strangers away from it")
    async def read_metrics() -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE)

    guarding.take(site, routers)
    taken = {getattr(route, "path", "") for route in site.router.routes}
    for path, endpoint in (("/", index), ("/healthz", healthz), ("/readyz", readyz), ("/metrics", read_metrics)):
        if path not in taken:  # the pages bring an entrance of their own
            site.add_api_route(path, endpoint, methods=["GET"], response_model=None)
    site.add_exception_handler(KuskaError, refuse or _refused)
    guarding.guard(site, door, clock or SystemClock(), fresh)
    return site


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, KuskaError):
        raise error
    lang = language(request.headers.get("accept-language"))
    headers = {"cache-control": "no-store"}
    if isinstance(error, UnauthenticatedError):
        headers["www-authenticate"] = "Bearer"
    if wait := getattr(error, "retry_after", None):
        headers["retry-after"] = str(wait)
    said = [render(issue, lang) for issue in error.issues]
    return JSONResponse({"error": error.family.value, "messages": said}, status_of(error), headers)
