"""kill -9 of the application and of the database while transactions are being written: each is there whole or not at
all, and what was confirmed is there. Real processes, real durable settings."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.fhir import given
from tests.fhir.given import bundle, entry

pytestmark = [pytest.mark.requirement("HC-01"), pytest.mark.requirement("LW-20")]

_OBSERVATIONS = 20
_WRITERS = 4
_MAIN = "from kuska.app.cli import main; raise SystemExit(main())"
_ADDRESS = re.compile(r"http://localhost:\d+/fhir")


class Served:
    """`kuska serve` in a process of its own."""

    def __init__(self, data: Path) -> None:
        environment = {**os.environ, "KUSKA_SECURITY": "off", "LANG": "C"}
        command = [sys.executable, "-c", _MAIN, "serve", "--data", str(data), "--port", "0"]
        self.log = (data.parent / "serve.log").open("a+")
        self.log.truncate(0)
        self.process = subprocess.Popen(command, env=environment, stderr=self.log)
        self.base = self._ready()

    def _ready(self) -> str:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.log.seek(0)
            found = _ADDRESS.search(self.log.read())
            if found is not None:
                ready = found[0].removesuffix("/fhir") + "/readyz"
                try:
                    if httpx.get(ready, timeout=5).status_code == 200:
                        return found[0]
                except httpx.TransportError:
                    pass
            assert self.process.poll() is None, "kuska serve ended"
            time.sleep(0.05)
        raise AssertionError("kuska serve did not become ready")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


class Writers:
    """Send transactions one after the other until told to stop, and note what came of each."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.sent: list[str] = []
        self.confirmed: list[str] = []
        self.other: set[int] = set()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write) for _ in range(_WRITERS)]

    def _write(self) -> None:
        with httpx.Client(timeout=30) as client:
            while not self._stop.is_set():
                key = given.key()
                self.sent.append(key)
                try:
                    response = client.post(f"{self.base}/", json=life(key))
                except httpx.TransportError:
                    time.sleep(0.02)
                    continue
                if response.status_code == 200:
                    self.confirmed.append(key)
                else:
                    self.other.add(response.status_code)
                    time.sleep(0.02)

    def wait_for(self, confirmed: int) -> None:
        """Until so many were confirmed; the others are then somewhere in the middle of theirs."""
        deadline = time.monotonic() + 60
        while len(self.confirmed) < confirmed:
            assert time.monotonic() < deadline, f"{len(self.confirmed)} of {confirmed} confirmed; answers: {self.other}"
            time.sleep(0.002)

    @contextmanager
    def running(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()


def life(key: str) -> given.Node:
    patient = "urn:uuid:00000000-0000-0000-0000-000000000001"
    observations = (entry("POST", "Observation", given.observation(patient)) for _ in range(_OBSERVATIONS))
    return bundle("transaction", *observations, entry("POST", "Patient", given.identified(key), patient))


def check(base: str, writers: Writers) -> None:
    whole: set[str] = set()
    with httpx.Client(timeout=30) as client:
        for key in writers.sent:
            found = client.get(f"{base}/Patient", params={"identifier": f"{given.SYSTEM}|{key}"})
            assert found.status_code == 200, found.text
            patients = [one["resource"]["id"] for one in found.json().get("entry", [])]
            assert len(patients) <= 1
            for id_ in patients:
                counted = client.get(f"{base}/Observation", params={"subject": f"Patient/{id_}", "_summary": "count"})
                assert counted.json()["total"] == _OBSERVATIONS, "a transaction is there in part"
                whole.add(key)
    assert set(writers.confirmed) <= whole, "a confirmed transaction is lost"


def postmaster(data: Path) -> int:
    return int((data / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])


def restarted(data: Path, killed: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if postmaster(data) != killed:
                return
        except (OSError, ValueError):  # between the two, or while it is being written
            pass
        time.sleep(0.01)
    raise AssertionError("the database was not started again")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[], Served]]:
    """Starts the application on this test's data folder; whatever is left of it ends with the test."""
    started: list[Served] = []

    def start() -> Served:
        started.append(Served(tmp_path / "data"))
        return started[-1]

    yield start
    for served in started:
        if served.process.poll() is None:
            served.stop()


def test_killed_in_the_middle_of_transactions(serve: Callable[[], Served], tmp_path: Path) -> None:
    data = tmp_path / "data"
    served = serve()
    for count in (6, 11):
        writers = Writers(served.base)
        with writers.running():
            writers.wait_for(count)
            served.kill()
        served = serve()
        check(served.base, writers)

    writers = Writers(served.base)
    with writers.running():
        writers.wait_for(6)
        killed = postmaster(data)
        os.kill(killed, signal.SIGKILL)
        # What is confirmed before the new server is there may be the old one's last work, and prove nothing of the new.
        restarted(data, killed)
        # The application finds the restarted database by itself.
        writers.wait_for(len(writers.confirmed) + _WRITERS + 1)
    assert writers.other <= {503, 429}, "the outage is said to be one"
    check(served.base, writers)
