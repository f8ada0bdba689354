"""Create, read, update, delete of nine types: the mix of the public k6 suite, one round of 36 requests after the other.

Each client creates one resource of each type (each naming the ones before), reads all nine, updates all nine with one field
changed, and deletes them in reverse order.
"""

from __future__ import annotations

from bench.load import Ask, Script, request
from bench.measure import data_folder, named, options, runs, served
from bench.result import publish
from bench.seeds import SEEDS

_CREATED, _UPDATED, _DELETED = (201,), (200,), (200, 204)


def one_round(ids: dict[str, bytes], bodies: dict[str, bytes]) -> Script:
    for seed in SEEDS:
        path = f"/fhir/{seed.type}"
        answer = yield Ask("create", request("POST", path, seed.filled(ids)), _CREATED)
        if answer.status != 201:
            return
        ids[seed.type] = answer.header(b"location: ").rpartition(b"/fhir/")[2].split(b"/")[1]
        bodies[seed.type] = answer.body
    paths = {seed.type: f"/fhir/{seed.type}/{ids[seed.type].decode()}" for seed in SEEDS}
    for seed in SEEDS:
        yield Ask("read", request("GET", paths[seed.type]))
    for seed in SEEDS:
        changed = bodies[seed.type].replace(seed.old, seed.new, 1)
        yield Ask("update", request("PUT", paths[seed.type], changed), _UPDATED)
    for seed in reversed(SEEDS):
        yield Ask("delete", request("DELETE", paths[seed.type]), _DELETED)


def client(_: int) -> Script:
    while True:
        yield from one_round({}, {})


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__, seconds=10, runs=3, connections=[16, 32, 64], patients=0)
    chosen = parser.parse_args(arguments)
    with data_folder(chosen.folder) as folder, served(folder, chosen.security) as server:
        runs(
            server, client, connections=chosen.connections[0], seconds=min(3, chosen.seconds), count=1, label="warm-up"
        )
        figures = {
            str(number): runs(
                server, client, connections=number, seconds=chosen.seconds, count=chosen.runs, label="crud"
            )
            for number in chosen.connections
        }
    workload = {"types": [seed.type for seed in SEEDS], "seconds": chosen.seconds, "runs": chosen.runs}
    publish(named("crud", chosen.security), workload, {"connections": figures}, keep=not chosen.trial)


if __name__ == "__main__":
    main()
