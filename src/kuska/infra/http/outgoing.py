"""The one HTTP client of the house.

    async with open_outgoing(settings) as http:
        answer = await http.get("https://login.example.org/.well-known/openid-configuration")

Redirects are not followed: a 3xx is an answer like any other, and whoever wants to go on calls again, through the same
checks. Answers come uncompressed, so that their length is what it seems.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpcore
import httpx

from kuska.infra.http.addresses import AllowList, is_literal, is_public
from kuska.infra.http.errors import NoAnswerError, RefusedAddressError
from kuska.infra.http.guard import GuardedBackend, Resolve, resolve
from kuska.infra.http.settings import OutgoingSettings

_CONNECTIONS = 20
_KEPT_SECONDS = 15.0
_PORTS = {"https": 443, "http": 80}
# The library would log every address with its query.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)
_HOST = re.compile(r"[^\s%/?#@]{1,253}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class Outgoing:
    def __init__(self, settings: OutgoingSettings, client: httpx.AsyncClient) -> None:
        self._settings = settings
        self._allowed = AllowList(settings.allowed_hosts)
        self._client = client

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.send("GET", url, headers=headers)

    async def post_form(self, url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        return await self._sent("POST", url, headers, data=fields, body=None)

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        return await self._sent(method, url, headers, data=None, body=body)

    async def _sent(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        *,
        data: Mapping[str, str] | None,
        body: bytes | None,
    ) -> Answer:
        target = self._checked(url)
        host = target.host
        given = {"accept": "application/json", **(headers or {}), "accept-encoding": "identity"}
        request = self._client.build_request(method, target, headers=given, data=data, content=body)
        try:
            async with asyncio.timeout(self._settings.total_seconds):
                response = await self._client.send(request, stream=True)
                try:
                    return await self._read(response, host)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException) as late:
            raise NoAnswerError("outgoing.too-slow", host) from late
        except httpx.HTTPError as error:
            message = "outgoing.certificate" if _about_certificate(error) else "outgoing.no-answer"
            raise NoAnswerError(message, host) from error

    def _checked(self, url: str) -> httpx.URL:
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise RefusedAddressError("outgoing.bad-address", "") from error
        host, scheme = target.host, target.scheme
        port = _PORTS.get(scheme, 0) if target.port is None else target.port
        if scheme not in _PORTS or not 0 < port < 65_536 or not _HOST.fullmatch(host) or target.userinfo:
            raise RefusedAddressError("outgoing.bad-address", "")
        allowed = self._allowed.has(host, port)
        if scheme == "http" and not allowed:
            raise RefusedAddressError("outgoing.plain-http", host)
        # The connection checks every address; with a proxy there is none of ours, and this is what can be seen from here.
        if not allowed and is_literal(host) and not is_public(host):
            raise RefusedAddressError("outgoing.private-address", host)
        return target

    async def _read(self, response: httpx.Response, host: str) -> Answer:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise NoAnswerError("outgoing.compressed", host)
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_raw():
            size += len(part)
            if size > self._settings.max_response_bytes:
                raise NoAnswerError("outgoing.too-long", host)
            parts.append(part)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status_code, headers=headers, body=b"".join(parts))


def _about_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


class _Transport(httpx.AsyncHTTPTransport):
    """httpx's own, on connections that the guard opens; httpx has no argument for them."""

    def __init__(self, trust: ssl.SSLContext, backend: httpcore.AsyncNetworkBackend) -> None:
        super().__init__(verify=trust, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trust,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_CONNECTIONS,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=backend,
        )


def _trust(settings: OutgoingSettings) -> ssl.SSLContext:
    trust = httpx.create_ssl_context(trust_env=False)
    if settings.ca_file:
        trust.load_verify_locations(Path(settings.ca_file))
    return trust


@asynccontextmanager
async def open_outgoing(
    settings: OutgoingSettings, lookup: Resolve = resolve, inner: httpcore.AsyncNetworkBackend | None = None
) -> AsyncGenerator[Outgoing]:
    """`lookup` and `inner` stand for the network in tests."""
    trust = _trust(settings)
    if settings.proxy:
        transport: httpx.AsyncBaseTransport = httpx.AsyncHTTPTransport(
            verify=trust, trust_env=False, proxy=settings.proxy
        )
    else:
        transport = _Transport(trust, GuardedBackend(AllowList(settings.allowed_hosts), lookup, inner))
    times = httpx.Timeout(settings.total_seconds, connect=settings.connect_seconds)
    async with httpx.AsyncClient(
        transport=transport, timeout=times, follow_redirects=False, trust_env=False, headers={"user-agent": "kuska"}
    ) as client:
        yield Outgoing(settings, client)
