"""Everything outside /fhir: health, metrics, and the routes that the contexts bring."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse

from kuska import __version__
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.metrics import CONTENT_TYPE, HttpMetrics
from kuska.kit.errors import KuskaError


def build(db: Database, metrics: HttpMetrics, routers: Sequence[APIRouter]) -> FastAPI:
    # No generated documentation pages: they load scripts from other hosts.
    site = FastAPI(title="Kuska", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)

    async def index() -> JSONResponse:
        return JSONResponse({"name": "Kuska", "version": __version__, "fhir": "/fhir/metadata", "health": "/readyz"})

    async def healthz() -> JSONResponse:
        """The process lives and its loop turns."""
        return JSONResponse({"status": "ok"})

    async def readyz() -> JSONResponse:
        """The process can do its work now: the database answers."""
        try:
            async with asyncio.timeout(2):
                async with db.read() as conn:
                    await conn.fetchval("select 1")
        except (KuskaError, TimeoutError):
            return JSONResponse({"status": "unavailable", "database": "unreachable"}, status_code=503)
        return JSONResponse({"status": "ok"})

    async def read_metrics() -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE)

    for path, endpoint in (("/", index), ("/healthz", healthz), ("/readyz", readyz), ("/metrics", read_metrics)):
        site.add_api_route(path, endpoint, methods=["GET"], response_model=None)
    for router in routers:
        site.include_router(router)
    return site
