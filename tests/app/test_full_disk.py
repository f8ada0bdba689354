"""The disk under the record becomes full: a small file system of its own, a real server, and a file that eats the rest.

Mounting needs root; where it is not possible the tests are skipped, and say so.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.app.test_cli import PATIENCE, served

MIB = 1024 * 1024


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system with 420 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=420m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"A FULL DISK IS NOT TESTED HERE: {mounted.stderr.strip() or 'mount failed'}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fhir(port: int, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        text = None if body is None else json.dumps(body)
        connection.request(method, f"/fhir{path}", text, {"Content-Type": "application/fhir+json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def patient(number: int) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": "Huamán", "given": [f"Rosa {number}"]}]}


def pair(number: int) -> dict[str, Any]:
    """A transaction of two: one without the other would be half written."""
    entries = [{"resource": patient(number), "request": {"method": "POST", "url": "Patient"}} for _ in range(2)]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def eat(disk: Path, *, leave: int) -> Path:
    """A file that leaves so many bytes free."""
    file = disk / "eaten"
    with file.open("ab") as out:
        while (much := os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - leave) > 0:
            try:
                out.write(b"\0" * min(much, MIB))
                out.flush()
            except OSError:
                break
    return file


def count(port: int) -> int:
    status, found = fhir(port, "GET", "/Patient?_summary=count")
    assert status == 200, found
    return int(found["total"])


def write_until(port: int, wanted: int, seconds: float = 2 * PATIENCE) -> tuple[int, list[tuple[int, dict[str, Any]]]]:
    """How many were confirmed before the wanted status came, and what else was said."""
    confirmed, others = 0, []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status, said = fhir(port, "POST", "", pair(confirmed))
        confirmed += status == 200
        if status != 200:
            others.append((status, said))
        if status == wanted:
            return confirmed, others
        time.sleep(0.01)
    raise AssertionError(f"{wanted} did not come: {others[-3:]}")


def test_writes_are_refused_in_time_and_reads_go_on(small: Path) -> None:
    with served(small / "data") as (_, port):
        assert fhir(port, "POST", "", pair(0))[0] == 200
        eaten = eat(small, leave=66 * MIB)
        confirmed, refused = write_until(port, 503)
        assert [status for status, _ in refused] == [503]
        issue = refused[0][1]["issue"][0]
        assert (refused[0][1]["resourceType"], issue["code"]) == ("OperationOutcome", "no-store")
        assert "disk" in issue["diagnostics"] or "disco" in issue["diagnostics"]
        eat(small, leave=0)
        for _ in range(20):
            assert count(port) == 2 + 2 * confirmed
            assert fhir(port, "PUT", "/Patient/p", patient(1) | {"id": "p"})[0] == 503
        eaten.unlink()
        again, _ = write_until(port, 200)
        assert again == 1
        assert count(port) == 4 + 2 * confirmed


def test_a_postgresql_that_panics_for_want_of_space_comes_back_by_itself(small: Path) -> None:
    with served(small / "data") as (process, port):
        assert fhir(port, "POST", "", pair(0))[0] == 200
        eaten = eat(small, leave=0)
        fill_the_log(small / "data")
        assert "PANIC" in (small / "data" / "postgres.log").read_text()
        seen = {fhir(port, "GET", "/Patient?_summary=count")[0] for _ in range(10)}
        assert seen <= {200, 503}
        assert fhir(port, "POST", "", pair(1))[0] == 503
        assert process.poll() is None
        eaten.unlink()
        again, others = write_until(port, 200)
        assert {status for status, _ in others} <= {503}
        assert count(port) == 2 + 2 * again


def fill_the_log(data: Path) -> None:
    """At the database itself, past the application's own precaution, until there is no room for the log any more."""

    async def write() -> None:
        conn = await asyncpg.connect(f"postgresql://postgres@/kuska?host={data / 'postgres'}", timeout=PATIENCE)
        for _ in range(1000):
            await conn.execute("select pg_logical_emit_message(true, 'x', repeat('x', 1000000))")

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        asyncio.run(write())
