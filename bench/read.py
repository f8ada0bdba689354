"""Reads by id of resources of a synthetic population, chosen at random."""

from __future__ import annotations

import random
from typing import Any

from bench.load import Ask, Script, request
from bench.measure import data_folder, named, options, runs, served
from bench.population import Loaded, send_common, send_people
from bench.result import publish
from bench.server import Server


def measure(server: Server, paths: list[str], *, connections: list[int], seconds: float, count: int) -> dict[str, Any]:
    chance = random.Random(7)
    asks = [Ask("read", request("GET", path)) for path in chance.choices(paths, k=min(50_000, 4 * len(paths)))]

    def client(first: int) -> Script:
        place = first * 977
        while True:
            place += 1
            yield asks[place % len(asks)]

    return {
        str(number): runs(server, client, connections=number, seconds=seconds, count=count, label="read")
        for number in connections
    }


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__, seconds=8, runs=3, connections=[1, 16, 64], patients=300)
    chosen = parser.parse_args(arguments)
    loaded = Loaded()
    with data_folder(chosen.folder) as folder, served(folder, chosen.security) as server:
        send_common(server)
        send_people(server, 0, chosen.patients, loaded)
        figures = measure(
            server, loaded.paths, connections=chosen.connections, seconds=chosen.seconds, count=chosen.runs
        )
    workload = {
        "resources": loaded.resources,
        "patients": loaded.patients,
        "seconds": chosen.seconds,
        "runs": chosen.runs,
    }
    publish(named("read", chosen.security), workload, {"connections": figures}, keep=not chosen.trial)


if __name__ == "__main__":
    main()
