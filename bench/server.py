"""What is measured: an embedded PostgreSQL in a temporary folder, and `kuska serve` on it, as an operator starts them."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.result import descendants
from kuska.infra.postgres.cluster import SUPERUSER
from kuska.infra.postgres.embedded import attach

HOST = "127.0.0.1"
_START = 60.0
_STOP = 60.0
# The command as it is installed beside this interpreter.
KUSKA = str(Path(sys.executable).with_name("kuska"))


@dataclass(frozen=True, slots=True)
class Place:
    """A running database in a data folder."""

    folder: Path
    dsn: str
    admin: str  # as the database's superuser, for checkpoints

    def pids(self) -> set[int]:
        try:
            first = (self.folder / "postgres" / "postmaster.pid").read_text("ascii").split("\n", 1)[0]
        except OSError:
            return set()
        return descendants([int(first)])


@dataclass(frozen=True, slots=True)
class Server:
    place: Place
    process: subprocess.Popen[bytes]
    port: int
    first_answer: float  # seconds from the start of the process to the answer of /readyz

    def pids(self) -> set[int]:
        return descendants([self.process.pid]) | self.place.pids()


@contextlib.contextmanager
def attached(folder: Path) -> Generator[Place]:
    server = attach(folder)
    try:
        yield Place(folder, server.dsn(), server.dsn(role=SUPERUSER))
    finally:
        server.leave()


@contextlib.contextmanager
def database(folder: Path) -> Generator[Place]:
    """Without the application; stopped at the end."""
    with attached(folder) as place:
        yield place
    _await_end(folder)


def _await_end(folder: Path) -> None:
    """The last user has left; its keeper stops the server before the folder may be removed."""
    pid_file = folder / "postgres" / "postmaster.pid"
    deadline = time.monotonic() + _STOP
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def ask(port: int, path: str, timeout: float = 5.0) -> int:
    """Status of one GET, 0 when there is no answer; as small as a request can be, to time the start."""
    try:
        with socket.create_connection((HOST, port), timeout=timeout) as conn:
            conn.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
            head = conn.recv(64)
    except OSError:
        return 0
    return int(head[9:12]) if head.startswith(b"HTTP/1.1 ") else 0


# Sent with what is asked beside the measurements (`--security on`).
HEADERS: dict[str, str] = {}


def fetch(port: int, path: str) -> tuple[int, bytes]:
    """One GET, for what is asked beside the measurements."""
    conn = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        conn.request("GET", path, headers=HEADERS)
        answer = conn.getresponse()
        return answer.status, answer.read()
    finally:
        conn.close()


@contextlib.contextmanager
def serving(folder: Path, environment: Mapping[str, str] | None = None) -> Generator[Server]:
    """`kuska serve` on this folder until the block ends; it has answered /readyz with 200."""
    port = free_port()
    log = folder.parent / f"{folder.name}.serve.log"
    begun = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [KUSKA, "serve", "--data", str(folder), "--host", HOST, "--port", str(port)],
            env={**os.environ, "KUSKA_SECURITY": "off", **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        first = _await_ready(process, port, begun, log)
        # Attached too, to look at sizes and plans beside the application.
        with attached(folder) as place:
            yield Server(place, process, port, first)
    finally:
        _stop(process)
        _await_end(folder)


def _await_ready(process: subprocess.Popen[bytes], port: int, begun: float, log: Path) -> float:
    while time.perf_counter() - begun < _START:
        if process.poll() is not None:
            break
        if ask(port, "/readyz") == 200:
            return time.perf_counter() - begun
        time.sleep(0.005)
    said = log.read_text("utf-8", "replace")[-2000:]
    raise RuntimeError(f"kuska serve did not answer within {_START:.0f} s:\n{said}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
