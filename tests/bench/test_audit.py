"""The benchmark of the trail runs, at a size that proves nothing but that."""

from __future__ import annotations

import pytest
import uvloop
from bench.measure import data_folder
from bench.server import database

from bench import audit


def test_the_audit_benchmark_runs(tmp_path_factory: pytest.TempPathFactory) -> None:
    with data_folder(tmp_path_factory.mktemp("bench")) as folder, database(folder) as place:
        figures = uvloop.run(audit.measure(place, folder, events=200, seconds=0.1, runs=1, writers=[2]))
    assert figures["events"] >= 4_200
    assert figures["search_ms"]["patient"]["n"] == 30
