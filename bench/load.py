"""The load generator: many keep-alive connections in one thread, costing little beside the server it measures.

Closed loop: each connection plays a script, a generator that yields requests and is sent their answers, so the next
request is sent when the answer to the last has arrived. Requests are bytes made in advance where that is possible.
Talks only to this machine. What it understands of HTTP/1.1 is what a measurement needs: status, length, headers by name.
"""

from __future__ import annotations

import asyncio
import gc
from array import array
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from time import perf_counter

import uvloop

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class BrokenServerError(Exception):
    """The server sent something that is not an answer this client can read."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    head: bytes
    body: bytes

    def header(self, name: bytes) -> bytes:
        """`name` in lower case with colon and space: b"location: "."""
        start = self.head.lower().find(b"\r\n" + name)
        if start < 0:
            return b""
        start += len(name) + 2
        end = self.head.find(b"\r\n", start)
        return self.head[start : end if end >= 0 else len(self.head)]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `kind` is what its latency is counted under, `good` the statuses that are no error."""

    kind: str
    raw: bytes
    good: tuple[int, ...] = (200,)
    worth: int = 1  # how many resources it carries


Script = Generator[Ask, Answer, None]


# Sent with every request made after it was set (`--security on`).
authorization = b""


def authorize(token: str) -> None:
    global authorization  # noqa: PLW0603 - one process measures one server
    authorization = b"authorization: Bearer %s\r\n" % token.encode() if token else b""


def request(method: str, path: str, body: bytes = b"", headers: bytes = b"") -> bytes:
    headers += authorization
    content = b"content-type: application/fhir+json\r\ncontent-length: %d\r\n" % len(body) if body else b""
    return b"%s %s HTTP/1.1\r\nhost: localhost\r\n%s%s\r\n%s" % (method.encode(), path.encode(), headers, content, body)


@dataclass(slots=True)
class Tally:
    """What one run saw. Latencies in seconds by kind; only requests that were sent after the warm-up count."""

    latencies: dict[str, array[float]] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    worth: int = 0
    start: float = 0.0
    end: float = 0.0

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def requests(self) -> int:
        return sum(map(len, self.latencies.values()))

    @property
    def failed(self) -> int:
        return sum(self.errors.values())

    def note_error(self, ask: Ask, answer: Answer) -> None:
        key = f"{ask.kind} {answer.status}"
        self.errors[key] = self.errors.get(key, 0) + 1
        self.examples.setdefault(key, answer.body[:500].decode(errors="replace"))


class _Connection(asyncio.Protocol):
    __slots__ = ("_ask", "_buffer", "_done", "_need", "_run", "_script", "_sent", "_transport")

    def __init__(self, run: _Run, script: Script, done: asyncio.Future[None]) -> None:
        self._run = run
        self._script = script
        self._done = done
        self._buffer = b""
        self._need = 0  # bytes of the whole answer, once its head has been seen
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        try:
            self._send(next(self._script))
        except StopIteration:
            self._finish()

    def _send(self, ask: Ask) -> None:
        self._ask = ask
        self._sent = perf_counter()
        self._transport.write(ask.raw)

    def data_received(self, data: bytes) -> None:
        self._buffer = buffer = self._buffer + data if self._buffer else data
        if not self._need:
            edge = buffer.find(b"\r\n\r\n")
            if edge < 0:
                return
            self._need = edge + 4 + _length(buffer[:edge], self._ask)
        if len(buffer) >= self._need:
            self._answered(buffer)

    def _answered(self, buffer: bytes) -> None:
        now = perf_counter()
        self._buffer, self._need = b"", 0
        edge = buffer.index(b"\r\n\r\n")
        answer = Answer(int(buffer[9:12]), buffer[:edge], buffer[edge + 4 :])
        if not self._run.note(self._ask, answer, self._sent, now):
            self._finish()
            return
        try:
            self._send(self._script.send(answer))
        except StopIteration:
            self._finish()
        except Exception as error:  # noqa: BLE001 - a script's mistake ends the run, whatever it is
            self._finish(error)

    def _finish(self, error: Exception | None = None) -> None:
        if not self._done.done():
            if error is None:
                self._done.set_result(None)
            else:
                self._done.set_exception(error)
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or BrokenServerError(f"connection closed during {self._ask.kind}"))


def _length(head: bytes, ask: Ask) -> int:
    lower = head.lower()
    start = lower.find(b"\r\ncontent-length: ")
    if start >= 0:
        end = lower.find(b"\r\n", start + 18)
        return 0 if ask.raw.startswith(b"HEAD ") else int(lower[start + 18 : end if end >= 0 else len(lower)])
    if lower[9:12] in (b"204", b"304"):
        return 0
    raise BrokenServerError(f"no content-length in the answer to {ask.kind}: {head!r}")


class _Run:
    def __init__(self, tally: Tally, warm: float, until: float) -> None:
        self._tally = tally
        self._warm = warm
        self._until = until

    def note(self, ask: Ask, answer: Answer, sent: float, now: float) -> bool:
        """Whether to go on."""
        tally = self._tally
        if answer.status not in ask.good:
            tally.note_error(ask, answer)
        elif sent >= self._warm:
            try:
                tally.latencies[ask.kind].append(now - sent)
            except KeyError:
                tally.latencies[ask.kind] = array("d", (now - sent,))
            tally.worth += ask.worth
            tally.end = now
        return now < self._until


def play(
    host: str,
    port: int,
    script: Callable[[int], Script],
    *,
    connections: int,
    seconds: float,
    warm: float = 0.0,
) -> Tally:
    """Run one script per connection until all end or the time is over (requests under way are waited for)."""
    if host not in _LOOPBACK:
        raise ValueError("load is made only against this machine")

    async def main() -> Tally:
        loop = asyncio.get_running_loop()
        begin = perf_counter()
        tally = Tally(start=begin + warm, end=begin + warm)
        run = _Run(tally, begin + warm, begin + warm + seconds)
        waiting: list[asyncio.Future[None]] = []
        for number in range(connections):
            done: asyncio.Future[None] = loop.create_future()
            waiting.append(done)
            await loop.create_connection(lambda n=number, d=done: _Connection(run, script(n), d), host, port)
        patience = warm + seconds + 120
        await asyncio.wait_for(asyncio.gather(*waiting), patience)
        return tally

    gc.collect()
    gc.disable()
    try:
        return uvloop.run(main())
    finally:
        gc.enable()
