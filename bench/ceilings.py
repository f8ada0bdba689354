"""What this machine can do at all: flushes a second, HTTP answers a second with nothing behind them.

Read the other figures against these. Evidence of docs/adr/0005-raw-asgi-under-fhir.md too.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.load import Ask, Script, play, request
from bench.result import Cpu, latency, publish
from bench.server import HOST, ask, free_port

_APPS = ("raw", "starlette", "fastapi")


def flushes(folder: Path, seconds: float) -> dict[str, float]:
    """8 KB appended and flushed, one after the other: the ceiling of commits of a single connection."""
    taken: list[float] = []
    handle = os.open(folder / "flush", os.O_WRONLY | os.O_CREAT)
    try:
        os.write(handle, bytes(16 * 2**20))
        os.fsync(handle)
        os.lseek(handle, 0, os.SEEK_SET)
        end = time.perf_counter() + seconds
        while (begun := time.perf_counter()) < end:
            if os.write(handle, b"\x01" * 8192) == 0 or len(taken) % 2000 == 1999:
                os.lseek(handle, 0, os.SEEK_SET)
            os.fdatasync(handle)
            taken.append(time.perf_counter() - begun)
    finally:
        os.close(handle)
    return {"per_second": round(len(taken) / seconds)} | latency(taken)


def http(app: str, seconds: float, connections: int) -> dict[str, Any]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", f"bench.asgi_apps:{app}", "--host", HOST, "--port", str(port),
               "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-server-header", "--no-date-header",
               "--log-level", "warning"]  # fmt: skip
    process = subprocess.Popen(command, cwd=Path(__file__).parent.parent)
    try:
        deadline = time.monotonic() + 20
        while ask(port, "/fhir/Observation/1") != 200 and time.monotonic() < deadline:
            time.sleep(0.02)
        body = b'{"resourceType":"Observation","text":"' + b"x" * 1460 + b'"}'
        found: dict[str, Any] = {}
        asks = {"read": request("GET", "/fhir/Observation/1"), "create": request("POST", "/fhir/Observation", body)}
        for kind, raw in asks.items():
            asking = Ask(kind, raw)

            def forever(_: int, asking: Ask = asking) -> Script:
                while True:
                    yield asking

            before = Cpu.now(app=[process.pid])
            tally = play(HOST, port, forever, connections=connections, seconds=seconds, warm=0.3)
            used = Cpu.now(app=[process.pid]).since(before)
            count = tally.requests * (seconds + 0.3) / seconds
            found[kind] = {"per_second": round(tally.requests / tally.seconds), "server_us": round(used["app"] / count * 1e6, 1),
                           "client_us": round(used["client"] / count * 1e6, 1)}  # fmt: skip
        return found
    finally:
        process.terminate()
        process.wait()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="per case")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where to test flushes; default: the temporary folder"
    )
    parser.add_argument("--trial", action="store_true", help="do not keep the result")
    options = parser.parse_args(arguments)
    before, begun = Cpu.now(), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="kuska-bench-", dir=options.folder) as folder:
        figures: dict[str, Any] = {"flush_8k": flushes(Path(folder), options.seconds)}
    figures["http"] = {app: http(app, options.seconds, options.connections) for app in _APPS}
    figures |= Cpu.now().noise(before, time.perf_counter() - begun)
    publish("ceilings", {"connections": options.connections}, figures, keep=not options.trial)


if __name__ == "__main__":
    main()
