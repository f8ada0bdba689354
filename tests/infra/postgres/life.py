"""What the tests of the embedded server share: watching it, asking it, and processes that use it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg

from kuska.infra.postgres import embedded

# Attaches, says so, and stays until its input ends.
USER = """
import sys
from pathlib import Path
from kuska.infra.postgres import embedded
server = embedded.attach(Path(sys.argv[1]))
print("attached", flush=True)
sys.stdin.read()
"""


def wait_until(happened: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.01)


def wait_until_stopped(data: Path) -> None:
    wait_until(lambda: not any(embedded._is_locked(data, f"{name}.lock") for name in ("server", "keeper")))


def postmaster(data: Path) -> int:
    return int((data / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])


def keeper(data: Path) -> int:
    """Its number: the process that holds keeper.lock (from the kernel's list)."""
    inode = (data / ".kuska" / "keeper.lock").stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[3] == "WRITE" and fields[5].endswith(f":{inode}"):
            return int(fields[4])
    raise AssertionError("no keeper")


def ask(server: embedded.Server, query: str, role: str = "kuska") -> object:
    async def run() -> object:
        conn = await asyncpg.connect(server.dsn(role=role), timeout=60)
        try:
            return await conn.fetchval(query)
        finally:
            await conn.close()

    return asyncio.run(run())


def answers(server: embedded.Server) -> bool:
    try:
        return ask(server, "select 1") == 1
    except (OSError, asyncpg.PostgresError):
        return False


def start_user(data: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "attached\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()
