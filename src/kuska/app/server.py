"""Runs the ASGI application on a listening socket, in one process or in several, until told to stop.

SIGTERM and SIGINT: no new connections, running requests end (up to http.shutdown_seconds), then the database is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator

import uvicorn
import uvloop

from kuska.app import wiring
from kuska.app.annex import annex
from kuska.app.listening import BACKLOG
from kuska.app.settings import Settings
from kuska.infra.telemetry import metrics
from kuska.infra.telemetry.logs import logger
from kuska.infra.web.protocol import GuardedProtocol
from kuska.infra.web.tls import ServerTls

_COLLECT_AFTER = (20_000, 20, 20)
_BEGINNING = 5.0  # seconds: a worker that gives up so soon would do it again
_STOP = (signal.SIGTERM, signal.SIGINT)
_TELL_AGAIN = 3.0  # seconds


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Uvicorn would raise the signal again at the end and so skip our own leaving."""
        loop = asyncio.get_running_loop()
        for sign in _STOP:
            loop.add_signal_handler(sign, self.handle_exit, sign, None)
        yield


def run(settings: Settings, sock: socket.socket) -> None:
    """One process; returns when it was told to stop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, sock))


async def _serve(settings: Settings, sock: socket.socket) -> None:
    http = settings.http
    GuardedProtocol.limits = http
    tls = ServerTls(http, lambda said: logger("tls").warning(said)) if http.tls_certificate else None
    port = sock.getsockname()[1]
    async with (
        annex(settings, port) as beside,
        wiring.application(settings, port, beside) as app,
        tls.watched() if tls else contextlib.nullcontext(),
    ):
        settle_memory()
        config = uvicorn.Config(
            app,
            http=GuardedProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            # For the proxies that the operator named, and no others.
            proxy_headers=bool(http.behind_proxy),
            forwarded_allow_ips=list(http.behind_proxy),
            ssl_context_factory=None if tls is None else lambda _, __: tls.context,
            backlog=BACKLOG,
            timeout_keep_alive=int(http.idle_seconds),
            limit_concurrency=http.max_connections,
            timeout_graceful_shutdown=int(http.shutdown_seconds),
        )
        await _Server(config).serve([sock])


def settle_memory() -> None:
    """What was made until now stays: the collector need not walk through it again and again.

    Requests make trees that are freed by counting alone; collecting after every 700 objects, Python's default, costs a
    bundle a tenth of its time and now and then all requests a pause as long as the whole heap is large.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    gc.enable()


def supervise(count: int, sock: socket.socket) -> None:
    """Several processes on one socket; one that dies is replaced, unless it gave up at its start."""
    with tempfile.TemporaryDirectory(prefix="kuska-metrics-") as counted:
        _Crew(count, sock, counted).work()


class _Crew:
    def __init__(self, count: int, sock: socket.socket, counted: str) -> None:
        self._count = count
        self._sock = sock
        self._counted = counted  # the folder into which all count their metrics
        self._born: dict[subprocess.Popen[bytes], float] = {}
        self._told: dict[subprocess.Popen[bytes], float] = {}
        self._stopping = False

    def work(self) -> None:
        for sign in _STOP:
            signal.signal(sign, self._stop)
        while True:
            while len(self._born) < self._count and not self._stopping:
                self._hire()
            if not self._born:
                return
            time.sleep(0.2)
            if self._stopping:
                self._tell()
            for process in [each for each in self._born if each.poll() is not None]:
                self._bury(process)

    def _hire(self) -> None:
        process = subprocess.Popen(  # noqa: S603 - our own module, by the running interpreter
            [sys.executable, "-m", "kuska.app.worker", str(self._sock.fileno())],
            pass_fds=[self._sock.fileno()],
            start_new_session=True,
            env=os.environ | {metrics.FOLDER: self._counted},
        )
        self._born[process] = time.monotonic()

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        lived = time.monotonic() - self._born.pop(process)
        metrics.process_ended(process.pid, self._counted)
        if self._stopping or lived >= _BEGINNING:
            return
        if process.returncode < 0:
            time.sleep(1)  # killed from outside, perhaps for want of memory: again, but not in a frenzy
        else:
            logger("serve").error("a worker ended right after its start", code=process.returncode)
            self._stop()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _tell(self) -> None:
        """Here, not in the signal's handler: that may come between a birth and its entry. Again after a while, for one
        that was not listening yet.
        """
        now = time.monotonic()
        for process in self._born:
            if now - self._told.get(process, -_TELL_AGAIN) >= _TELL_AGAIN:
                self._told[process] = now
                process.send_signal(signal.SIGTERM)
