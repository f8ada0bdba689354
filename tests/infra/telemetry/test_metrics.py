"""Counting in several processes: whoever is asked knows of all, also of those that have ended."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from kuska.infra.telemetry.metrics import FOLDER, HttpMetrics

COUNT = """
import os, signal, sys
from kuska.infra.telemetry.metrics import HttpMetrics
metrics = HttpMetrics()
for _ in range(int(sys.argv[1])):
    metrics.answered("fhir type", "GET", 200, 0.01)
metrics.running.inc()
print(metrics.render().decode(), flush=True)
if sys.argv[2] == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def counted(text: str) -> int:
    found = re.search(r"^kuska_http_requests_total\{.*\} (\d+)\.0$", text, re.MULTILINE)
    assert found, text
    return int(found.group(1))


def process(folder: Path, requests: int, end: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", COUNT, str(requests), end],
        env=os.environ | {FOLDER: str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    return done.stdout


def test_one_process_counts_for_itself() -> None:
    metrics = HttpMetrics()
    metrics.answered("fhir type", "GET", 200, 0.01)
    assert counted(metrics.render().decode()) == 1


def test_every_process_sees_all_and_the_dead_are_not_forgotten(tmp_path: Path) -> None:
    assert counted(process(tmp_path, 3, "dies")) == 3
    assert counted(process(tmp_path, 4, "ends")) == 7
    assert 'kuska_http_seconds_count{route="fhir type"} 8.0' in process(tmp_path, 1, "ends")


def test_a_file_that_another_process_is_just_beginning_is_waited_for(tmp_path: Path, monkeypatch: Any) -> None:
    process(tmp_path, 3, "ends")
    beginning = tmp_path / "counter_1.db"
    beginning.touch()
    monkeypatch.setenv(FOLDER, str(tmp_path))
    monkeypatch.setattr("kuska.infra.telemetry.metrics.time.sleep", lambda _: beginning.write_bytes(bytes(65536)))
    assert counted(HttpMetrics().render().decode()) == 3
