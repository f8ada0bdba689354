from __future__ import annotations

from pathlib import Path

import uvloop
from bench.measure import data_folder
from bench.server import database

from bench import sign_in


def test_it_runs(tmp_path: Path) -> None:
    with data_folder(tmp_path) as folder, database(folder) as place:
        figures = uvloop.run(sign_in.measure(place, 0.2, [2], folder / "trail"))
    assert figures["right"]["2"]["milliseconds"]["n"] > 0
    assert figures["wrong"]["2"]["milliseconds"]["n"] > 0
    assert figures["find_session_microseconds"] > 0
