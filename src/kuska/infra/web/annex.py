"""The annex: another process of the same application, in which one large request at a time is done.

Decoding, checking and indexing megabytes holds an event loop for seconds, whatever thread it is in, and leaves the process
as large as it was at its worst. In the annex it holds up nobody, and the memory goes with the process, which starts when it
is needed and ends when it has been idle for a while. Measured in docs/adr/0024-large-requests.md.

The two speak over a pair of sockets that nobody else has: a frame is its length, and then its bytes. When one of them ends,
the other finds the socket closed.
"""

from __future__ import annotations

import asyncio
import heapq
import socket
import subprocess
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

import msgspec

from kuska.kit.errors import BusyError, FaultError, Issue, UnavailableError

Header = tuple[bytes, bytes]
App = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]

IDLE_SECONDS = 30.0  # after which the process is let go
_LENGTH = 8
_END_SECONDS = 20.0
_encode, _decode = msgspec.msgpack.encode, msgspec.msgpack.decode


class AnnexLostError(UnavailableError):
    """It ended while it was at work."""


class AnnexFullError(BusyError):
    """Too many bytes are waiting already."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What the annex answered, as it shall go out."""

    status: int
    headers: list[Header]
    body: bytes | bytearray


class Place(Protocol):
    """Where a request can be done."""

    async def answer(self, request: Mapping[str, Any], body: bytes) -> Passed: ...


class Lanes:
    """Two: what is only large does not wait for what is huge."""

    def __init__(self, large: Place, huge: Place, border: int) -> None:
        """`border`: bytes above which a body is huge."""
        self._large = large
        self._huge = huge
        self._border = border

    async def answer(self, request: Mapping[str, Any], body: bytes) -> Passed:
        """As `Annex.answer`."""
        return await (self._huge if len(body) > self._border else self._large).answer(request, body)


class Annex:
    """`command` starts the process; the descriptor of its socket is added to it."""

    def __init__(self, command: Sequence[str], most_bytes: int, idle_seconds: float = IDLE_SECONDS) -> None:
        """`most_bytes`: of all bodies that wait and the one under way."""
        self._command = command
        self._most = most_bytes
        self._idle = idle_seconds
        self._held = 0
        self._busy = False
        # The smallest first, so that nobody waits for more than one that is much larger.
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = count()
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None
        self._leaving: list[subprocess.Popen[bytes]] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._process is None else self._process.pid

    async def answer(self, request: Mapping[str, Any], body: bytes) -> Passed:
        """`request` is what msgpack can say of an ASGI scope.

        Raises:
            AnnexFullError: nothing was done.
            AnnexLostError: whether it was done is not known.
        """
        if self._held and self._held + len(body) > self._most:
            raise AnnexFullError(Issue(code="throttled", message="annex.full"))
        self._held += len(body)
        try:
            await self._turn(len(body))
            try:
                return await self._ask(request, body)
            finally:
                self._next()
        finally:
            self._held -= len(body)

    async def close(self) -> None:
        """At the end of the application; what is under way there may end."""
        self._let_go()
        for process in self._leaving:
            try:
                await asyncio.to_thread(process.wait, _END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)
        self._leaving.clear()

    async def _turn(self, size: int) -> None:
        if not self._busy:
            self._busy = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (size, next(self._number), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._next()
            raise

    def _next(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False
        if self._process is not None:
            self._timer = asyncio.get_running_loop().call_later(self._idle, self._let_go)

    async def _ask(self, request: Mapping[str, Any], body: bytes) -> Passed:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        sock = self._opened()
        try:
            await _send(sock, _encode(request))
            await _send(sock, body)
            status, headers = _decode(await _received(sock), type=tuple[int, list[Header]])
            return Passed(status, headers, await _received(sock))
        except (OSError, EOFError) as error:
            self._let_go()
            raise AnnexLostError(Issue(code="transient", message="annex.lost")) from error
        except BaseException:
            self._let_go()  # somebody stopped waiting in the middle: nothing more can be said over this socket
            raise

    def _opened(self) -> socket.socket:
        if self._sock is not None and self._process is not None and self._process.poll() is None:
            return self._sock
        self._let_go()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, by the running interpreter
                [*self._command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                # The terminal's Ctrl-C is for the one who answers: he ends the annex when it has ended its work.
                start_new_session=True,
            )
        ours.setblocking(False)
        self._sock = ours
        return ours

    def _let_go(self) -> None:
        """It finds its socket closed and ends by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        if self._process is not None:
            self._leaving.append(self._process)
            self._process = None
        self._leaving = [each for each in self._leaving if each.poll() is None]


async def attend(app: App, sock: socket.socket) -> None:
    """The other side: answers one request after the other until the socket is closed."""
    sock.setblocking(False)
    with sock, suppress(OSError, EOFError):
        while True:
            request = _decode(await _received(sock), type=dict[str, Any])
            body = bytes(await _received(sock))
            status, headers, parts = await _done(app, _scope(request), body)
            del body
            await _send(sock, _encode((status, headers)))
            await _send(sock, b"".join(parts))


async def _done(app: App, scope: dict[str, Any], body: bytes) -> tuple[int, list[Header], list[bytes]]:
    status, headers = 0, list[Header]()
    parts: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message["headers"])
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    if not status:
        raise FaultError(Issue(code="exception", message="annex.lost"))
    return status, headers, parts


def described(scope: Mapping[str, Any], headers: Sequence[Header]) -> dict[str, Any]:
    """What the annex has to know of a request."""
    names = ("type", "method", "scheme", "path", "query_string", "client")
    return {**{name: scope.get(name) for name in names}, "headers": list(headers)}


def _scope(request: dict[str, Any]) -> dict[str, Any]:
    headers = [(name, value) for name, value in request["headers"]]
    client = request["client"]
    return {**request, "headers": headers, "client": None if client is None else tuple(client)}


async def _send(sock: socket.socket, frame: bytes | bytearray) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, len(frame).to_bytes(_LENGTH, "big"))
    await loop.sock_sendall(sock, frame)


async def _received(sock: socket.socket) -> bytearray:
    return await _exactly(sock, int.from_bytes(await _exactly(sock, _LENGTH), "big"))


async def _exactly(sock: socket.socket, length: int) -> bytearray:
    loop = asyncio.get_running_loop()
    found = bytearray(length)
    view, place = memoryview(found), 0
    while place < length:
        got = await loop.sock_recv_into(sock, view[place:])
        if not got:
            raise EOFError
        place += got
    return found
