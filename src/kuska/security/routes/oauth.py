"""OAuth's and OpenID Connect's endpoints for applications. Those for people (`/oauth/authorize`) are pages of the portal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from kuska.kit.errors import Family, KuskaError
from kuska.kit.json import encode
from kuska.kit.messages import text
from kuska.security.api import NobodyError, RefusedByPolicyError, open_to_all
from kuska.security.domain import discovery
from kuska.security.domain.clients import Client
from kuska.security.domain.protocol import InvalidClientError, ProtocolError, invalid_request, once
from kuska.security.usecases.oauth.keys import PUBLISHED_BEFORE
from kuska.security.usecases.oauth.server import OAuth

_LONGEST = 64 * 1024
_MOST = 50
# Applications in browsers call from their own origin. No cookie is looked at here, so any origin may.
_CORS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "Retry-After, WWW-Authenticate",
}
_SECRET = {"cache-control": "no-store", "pragma": "no-cache", **_CORS}
# Half of the time that a new key is shown before it signs: whoever keeps the set has it in time.
_KEPT = int(PUBLISHED_BEFORE.total_seconds() / 2)
_PUBLIC = {"cache-control": f"public, max-age={_KEPT}", **_CORS}
_STATUS: dict[Family, int] = {Family.BUSY: 429, Family.UNAVAILABLE: 503}
_STYLE = {
    "color_background": "#ffffff",
    "color_error": "#9b1c1c",
    "color_highlight": "#0b5cad",
    "color_modal_backdrop": "#1c2733",
    "color_success": "#1b6e3c",
    "color_text": "#1c2733",
    "dim_border_radius": "6px",
    "dim_font_size": "16px",
    "dim_spacing_size": "16px",
    "font_family_body": "system-ui, sans-serif",
    "font_family_heading": "system-ui, sans-serif",
}


def build(oauth: OAuth) -> APIRouter:
    router = APIRouter()
    endpoints = _Endpoints(oauth)
    for path, endpoint in (
        ("/oauth/token", endpoints.token),
        ("/oauth/revoke", endpoints.revoke),
        ("/oauth/introspect", endpoints.introspect),
    ):
        open_ = open_to_all("clients prove who they are in the request itself")(_plain(endpoint))
        router.add_api_route(path, open_, methods=["POST"], response_model=None)
    told = open_to_all("the token in the request says who it is")(_plain(endpoints.userinfo))
    router.add_api_route("/oauth/userinfo", told, methods=["GET", "POST"], response_model=None)
    for path in ("/oauth/token", "/oauth/revoke", "/oauth/userinfo"):
        router.add_api_route(path, _preflight, methods=["OPTIONS"], response_model=None)
    issuer = oauth.parts.issuer
    documents: dict[str, Callable[[], object]] = {
        "/oauth/jwks": lambda: {"keys": oauth.parts.tokens.keys.public()},
        "/oauth/smart-style.json": lambda: _STYLE,
        "/.well-known/openid-configuration": lambda: discovery.openid(issuer),
        "/.well-known/oauth-authorization-server": lambda: discovery.authorization_server(issuer),
        "/fhir/.well-known/smart-configuration": lambda: discovery.smart(issuer),
    }
    for path, document in documents.items():
        public = open_to_all("public by the standard: how to ask for tokens and check them")(_document(document))
        router.add_api_route(path, public, methods=["GET"], response_model=None)
        router.add_api_route(path, _preflight, methods=["OPTIONS"], response_model=None)
    return router


class _Endpoints:
    def __init__(self, oauth: OAuth) -> None:
        self._oauth = oauth

    async def token(self, request: Request) -> Response:
        async def answer(client: Client, params: dict[str, str]) -> object:
            return await self._oauth.token(client, params, _address(request))

        return await self._answered(request, answer)

    async def revoke(self, request: Request) -> Response:
        async def answer(client: Client, params: dict[str, str]) -> object:
            if "token" not in params:
                raise invalid_request("token")
            await self._oauth.revoke(client, params["token"], _address(request))
            return {}

        return await self._answered(request, answer)

    async def introspect(self, request: Request) -> Response:
        async def answer(client: Client, params: dict[str, str]) -> object:
            if client.kind == "public":
                raise InvalidClientError("security.introspection-public", client.id)
            if "token" not in params:
                raise invalid_request("token")
            return await self._oauth.introspect(client, params["token"], _address(request))

        return await self._answered(request, answer)

    async def userinfo(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            shown = token.strip() if scheme.lower() == "bearer" else ""
            return _json(200, await self._oauth.userinfo(shown, _address(request)))
        except NobodyError:
            challenge = {"www-authenticate": 'Bearer realm="kuska", error="invalid_token"'}
            return _json(401, {"error": "invalid_token"}, challenge)
        except RefusedByPolicyError:
            challenge = {"www-authenticate": 'Bearer realm="kuska", error="insufficient_scope", scope="openid"'}
            return _json(403, {"error": "insufficient_scope"}, challenge)
        except KuskaError as error:
            return _failed(error)

    async def _answered(
        self, request: Request, answer: Callable[[Client, dict[str, str]], Awaitable[object]]
    ) -> Response:
        try:
            params = await _form(request)
            authorization = request.headers.get("authorization", "")
            client = await self._oauth.client_door.enter(params, authorization, _address(request))
            return _json(200, await answer(client, params))
        except KuskaError as error:
            return _failed(error)


def _plain(method: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """A function of its own: what a route needs is written on it, and a method cannot be written on."""

    async def endpoint(request: Request) -> Response:
        return await method(request)

    return endpoint


def _document(content: Callable[[], object]) -> Callable[[], Awaitable[Response]]:
    async def endpoint() -> Response:
        return _json(200, content(), _PUBLIC)

    return endpoint


@open_to_all("a browser asks what it may ask")
async def _preflight() -> Response:
    return Response(
        status_code=204,
        headers={
            **_CORS,
            "access-control-allow-methods": "GET, POST",
            "access-control-allow-headers": "authorization, content-type, accept",
            "access-control-max-age": "3600",
        },
    )


async def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded" or request.url.query:
        # Secrets in an address end up in logs (RFC 6749 section 2.3.1).
        raise invalid_request("form")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST:
            raise ProtocolError("invalid_request", "too-long", status=413)
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST, errors="strict")
    except ValueError as wrong:
        raise invalid_request("form") from wrong
    if any("\0" in value for _, value in pairs):
        raise invalid_request("form")
    return once(pairs)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _failed(error: KuskaError) -> Response:
    if isinstance(error, ProtocolError):
        headers = {"www-authenticate": 'Basic realm="kuska"'} if error.status == 401 else {}
        body = {"error": error.error, "error_description": text(f"oauth.{error.error}", {}, "en")}
        return _json(error.status or 400, body, headers)
    status = error.status if error.status is not None else _STATUS.get(error.family)
    if status is None:
        raise error
    later = {"retry-after": str(getattr(error, "retry_after", 2))}
    return _json(status, {"error": "temporarily_unavailable"}, later)


def _json(status: int, body: object, headers: dict[str, str] | None = None) -> Response:
    given = headers or {}
    kept = given if "cache-control" in given else {**_SECRET, **given}
    return Response(encode(body), status, kept, "application/json")
