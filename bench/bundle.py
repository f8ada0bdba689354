"""Transaction bundles, each the life of one synthetic person (some 50 resources): resources stored per second.

References inside a bundle are `urn:uuid`, those to clinicians and facilities conditional (`Practitioner?identifier=…`), as
the record resolves them itself. Bundles are made before the clock starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.load import Script
from bench.measure import data_folder, named, options, runs, served
from bench.population import Loaded, encoded, send_common, senders
from bench.result import publish
from bench.server import Server


def measure(
    server: Server, *, people_per_run: int, connections: list[int], count: int, loaded: Loaded
) -> dict[str, Any]:
    """Every run stores people that are new; `loaded` collects what was stored."""
    figures: dict[str, Any] = {}
    for number in connections:
        turn = _Turns(
            [encoded(loaded.patients + place * people_per_run, people_per_run) for place in range(count)], loaded
        )
        figures[str(number)] = runs(
            server, turn.client, connections=number, seconds=3600, count=count, warm=0.0, label="bundle"
        )
    return figures


class _Turns:
    """The clients of a run share its bundles; client 0, asked first in every run, opens the next run's."""

    def __init__(self, pending: list[list[tuple[bytes, int]]], loaded: Loaded) -> None:
        self._pending = pending
        self._loaded = loaded
        self._bundles: Iterator[tuple[bytes, int]] = iter(())

    def client(self, number: int) -> Script:
        if number == 0:
            self._bundles = iter(self._pending.pop(0))
        return senders(self._bundles, self._loaded)


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__, seconds=0, runs=3, connections=[2, 4, 8], patients=300)
    chosen = parser.parse_args(arguments)
    loaded = Loaded()
    with data_folder(chosen.folder) as folder, served(folder, chosen.security) as server:
        send_common(server)
        measure(server, people_per_run=50, connections=[4], count=1, loaded=loaded)
        figures = measure(
            server, people_per_run=chosen.patients, connections=chosen.connections, count=chosen.runs, loaded=loaded
        )
    workload = {"people_per_run": chosen.patients, "runs": chosen.runs, "resources": loaded.resources}
    publish(named("bundle", chosen.security), workload, {"connections": figures}, keep=not chosen.trial)


if __name__ == "__main__":
    main()
