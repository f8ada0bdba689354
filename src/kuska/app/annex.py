"""`python -m kuska.app.annex PORT FD`: the application once more, for large requests; started by `kuska serve` only."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvloop

from kuska.app import wiring
from kuska.app.configuration import load
from kuska.app.settings import Settings
from kuska.infra.telemetry import logs
from kuska.infra.web.annex import Annex, Lanes, attend

_NICE = 5  # who asks for little goes first


@asynccontextmanager
async def annex(settings: Settings, port: int) -> AsyncGenerator[Lanes]:
    """`port`: the one that the application listens on. A process starts with the first request that is for it."""
    command = [sys.executable, "-m", "kuska.app.annex", str(port)]
    large, huge = (Annex(command, settings.fhir.max_bodies_bytes // 2) for _ in range(2))
    try:
        yield Lanes(large, huge, settings.fhir.max_resource_bytes)
    finally:
        await asyncio.gather(large.close(), huge.close())


async def _attend(settings: Settings, port: int, sock: socket.socket) -> None:
    async with wiring.application(settings, port) as frame:
        await attend(frame.fhir, sock)


def main(port: int, descriptor: int) -> None:
    os.nice(_NICE)
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)  # it ends with the socket, after what it is doing
    settings = load(os.environ)
    logs.configure(settings.process.log_level)
    logs.last_words()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_attend(settings, port, socket.socket(fileno=descriptor)))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
