"""The same answer three ways, to see what each layer above uvicorn costs (docs/adr/0005-raw-asgi-under-fhir.md)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.applications import Starlette
from starlette.routing import Route

Message = MutableMapping[str, Any]
_BODY = b'{"resourceType":"Observation","text":"' + b"x" * 1460 + b'"}'
_HEADERS = {"content-type": "application/fhir+json", "etag": 'W/"1"', "last-modified": "Sat, 21 Nov 2026 10:00:00 GMT"}
_RAW = [(k.encode(), v.encode()) for k, v in _HEADERS.items()] + [(b"content-length", str(len(_BODY)).encode())]


async def raw(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["method"] == "POST":
        while (await receive()).get("more_body"):
            pass
    await send({"type": "http.response.start", "status": 200, "headers": _RAW})
    await send({"type": "http.response.body", "body": _BODY})


async def _answer(request: Request) -> Response:
    if request.method == "POST":
        await request.body()
    return Response(_BODY, headers=_HEADERS)


starlette = Starlette(
    routes=[Route("/fhir/{type}/{id}", _answer, methods=["GET"]), Route("/fhir/{type}", _answer, methods=["POST"])]
)
fastapi = FastAPI()


@fastapi.get("/fhir/{type}/{id}")
async def read(type: str, id: str) -> Response:  # noqa: A002, ARG001
    return Response(_BODY, headers=_HEADERS)


@fastapi.post("/fhir/{type}")
async def create(type: str, request: Request) -> Response:  # noqa: A002, ARG001
    await request.body()
    return Response(_BODY, headers=_HEADERS)
