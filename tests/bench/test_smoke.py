"""Every benchmark still runs, at a size that proves nothing but that."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from bench.load import Ask, Script, play, request
from bench.measure import data_folder, runs
from bench.population import Loaded, send_common
from bench.seeds import SEEDS
from bench.server import HOST, Server, serving
from bench.shapes import SHAPES

from bench import bundle, crud, disk, fhir, profile_write, read, report, search, start


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return Loaded()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, loaded: Loaded) -> Iterator[Server]:
    with data_folder(tmp_path_factory.mktemp("bench")) as folder, serving(folder) as running:
        send_common(running)
        bundle.measure(running, people_per_run=12, connections=[2], count=1, loaded=loaded)
        yield running


def test_a_crud_round_meets_no_error(server: Server) -> None:
    kinds: set[str] = set()
    for seconds in (0.5, 2, 8, 32):  # until every kind had its turn, on a slow machine too
        figures = runs(server, crud.client, connections=2, seconds=seconds, count=1, warm=0.0)
        assert figures["errors"] == 0, figures["error_examples"]
        kinds = set(figures["kinds"])
        if len(kinds) == 4:
            break
    assert kinds == {"create", "read", "update", "delete"}


def test_the_update_of_the_mix_changes_every_seed() -> None:
    assert all(seed.filled(dict.fromkeys(seed.needs, b"1")).count(seed.old) >= 1 for seed in SEEDS)
    assert len({seed.type for seed in SEEDS}) == 9


def test_reads_find_what_bundles_stored(server: Server, loaded: Loaded) -> None:
    assert loaded.resources > 12 * 10
    figures = read.measure(server, loaded.paths, connections=[2], seconds=0.3, count=1)["2"]
    assert figures["errors"] == 0
    assert figures["kinds"]["read"]["n"] > 0


@pytest.mark.requirement("HC-09")
def test_security_is_measured_beside_its_absence(tmp_path_factory: pytest.TempPathFactory) -> None:
    """In a process of its own: the application holds its server to the process' end."""
    folder = tmp_path_factory.mktemp("bench")
    small = [
        "--trial",
        "--runs",
        "1",
        "--patients",
        "1",
        "--connections",
        "2",
        "--number",
        "10",
        "--folder",
        str(folder),
    ]
    done = subprocess.run([sys.executable, "-m", "bench.beside", *small], capture_output=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])["figures"]
    for kind in ("read", "write"):
        assert set(figures[kind]["2"]) == {"off", "on", "without_trail", "shares_percent"}
        assert figures[kind]["2"]["on"]["process_us"]["median"] > 0


def test_disk_is_all_accounted_for(server: Server, loaded: Loaded) -> None:
    figures = uvloop.run(disk.measure(server.place.admin, loaded.resources))
    assert figures["resources"] >= loaded.resources
    parts = [one["table_bytes_per_resource"] + one["index_bytes_per_resource"] for one in figures["tables"].values()]
    assert figures["bytes_per_resource"] == pytest.approx(sum(parts), rel=0.02)


def test_memory_of_all_processes_is_seen(server: Server) -> None:
    figures = start.memory(server)
    assert figures["application"][0]["resident"] > 20
    assert figures["database_processes"] > 3


@pytest.mark.parametrize("family", sorted({shape.family for shape in SHAPES}))
def test_query_shapes_are_answered_rightly(server: Server, loaded: Loaded, family: str) -> None:
    samples = search.sample(range(loaded.patients), lambda life: search.identified(server, life))
    for shape in SHAPES:
        if shape.family == family:
            assert search.checked(server, shape, samples, crowd=False) == [], shape.name


def test_the_loader_without_http_leaves_what_can_be_searched(server: Server) -> None:
    by_size = search.growing(server, [3], connections=1, seconds=0.02, mixed_connections=1, start=500, patience=0)
    assert by_size["3"]["wrong"] == []


def test_steps_of_a_write(server: Server) -> None:
    found: dict[str, Any] = uvloop.run(profile_write.inside(server.place, profile_write.resources(60)))
    assert found["steps"]["mix"]["validate"] > 0
    assert found["save_mix"]["saves_per_second"] > 0


def test_errors_are_counted_not_timed(server: Server) -> None:
    def client(_: int) -> Script:
        yield Ask("read", request("GET", "/fhir/Patient/nobody"))
        yield Ask("read", request("GET", "/fhir/metadata"))

    tally = play(HOST, server.port, client, connections=1, seconds=5)
    assert (tally.requests, tally.failed) == (1, 1)
    assert list(tally.errors) == ["read 404"]


def test_the_page_can_be_written_from_what_is_saved() -> None:
    page = report.render()
    assert "{{" not in page
    assert "## Targets" in page


def test_sizes_name_options_that_exist(tmp_path: Path) -> None:
    for plan in fhir.PLANS.values():
        assert set(plan) == set(fhir.MAINS)
        for name, arguments in plan.items():
            with pytest.raises(SystemExit) as told:
                fhir.MAINS[name]([*arguments, "--help"])
            assert told.value.code == 0
