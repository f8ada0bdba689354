"""Opens connections for the client: the name is resolved once, the addresses are checked, and one of those is called.

Checking in the connection, and not before the call, leaves no second look-up that could give another answer (DNS
rebinding). TLS still verifies the name, because the client starts it on the connection with the name it was given.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

import httpcore

from kuska.infra.http.addresses import AllowList, is_public
from kuska.infra.http.errors import NoAnswerError, RefusedAddressError

Resolve = Callable[[str, int], Awaitable[list[str]]]
_Options = Iterable[httpcore.SOCKET_OPTION]


async def resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    def __init__(
        self, allowed: AllowList, lookup: Resolve = resolve, inner: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        self._allowed = allowed
        self._lookup = lookup
        self._inner: httpcore.AsyncNetworkBackend = inner or cast(
            "httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend()
        )

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: _Options | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._checked(host, port)
                return await self._first(addresses, port, timeout, local_address, socket_options)
        except TimeoutError as late:
            raise httpcore.ConnectTimeout(host) from late

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = await self._lookup(host, port)
        except (OSError, ValueError, OverflowError) as error:
            raise NoAnswerError("outgoing.unknown-host", host) from error
        # One bad address spoils them all: a name that means a public and a private machine is a trick.
        if not addresses or not (self._allowed.has(host, port) or all(map(is_public, addresses))):
            raise RefusedAddressError("outgoing.private-address", host)
        return addresses

    async def _first(
        self,
        addresses: list[str],
        port: int,
        patience: float | None,
        local_address: str | None,
        options: _Options | None,
    ) -> httpcore.AsyncNetworkStream:
        failure: httpcore.ConnectError | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout=patience, local_address=local_address, socket_options=options
                )
            except httpcore.ConnectError as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")
