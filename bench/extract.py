"""Index rows of a synthetic population: microseconds and rows per resource and type, on one core, without a database.

`first` is every resource once with nothing remembered, as in a load; `again` the same ones a second time, when the folded texts, dates and
references of the process's caches are met again. `compile` is what the rules of a type cost at its first use, of all types together.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from time import thread_time
from typing import Any

from bench.result import publish
from kuska.app.demo.population.facilities import facilities
from kuska.app.demo.population.people import people
from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.indexing.extractor import Extractor
from kuska.fhir.domain.indexing.rows import DisplayRow
from kuska.kit.json import decode, encode

TABLES = ("tokens", "strings", "dates", "quantities", "references", "composites")
SEED = 1
Node = dict[str, Any]


def population(patients: int) -> list[Node]:
    """Decoded like a request's body, so that numbers are what the server sees. Facilities, their people, then lives."""
    shared = [entry["resource"] for entry in facilities(SEED)["entry"]]
    lives = [node for one in people(patients, SEED) for _, node in one.nodes]
    return [decode(encode(node)) for node in [*shared, *lives]]


def pass_over(extractor: Extractor, nodes: list[Node]) -> tuple[dict[str, float], dict[str, list[int]], int]:
    """Seconds and counts of rows by type, and how many displays were new."""
    seconds: defaultdict[str, float] = defaultdict(float)
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(TABLES))
    stored: set[DisplayRow] = set()
    for node in nodes:
        type_ = node["resourceType"]
        started = thread_time()
        rows = extractor.rows(node)
        seconds[type_] += thread_time() - started
        if rows.displays:
            stored.update(rows.displays)
            extractor.displays.learn(stored)
        for place, table in enumerate(TABLES):
            counts[type_][place] += len(getattr(rows, table))
    return seconds, counts, len(stored)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--patients", type=int, default=300)
    parser.add_argument("--trial", action="store_true", help="print the line, do not keep it")
    chosen = parser.parse_args()
    nodes = population(chosen.patients)
    known = definitions()
    for type_ in known.resource_types:
        known.search[type_]
    extractor = Extractor(known, Identities(b"bench" * 4), ())
    started = thread_time()
    for type_ in known.resource_types:
        extractor.rows({"resourceType": type_})
    compiling = thread_time() - started
    first, counts, displays = pass_over(extractor, nodes)
    again, _, _ = pass_over(extractor, nodes)
    of_type: defaultdict[str, int] = defaultdict(int)
    for node in nodes:
        of_type[node["resourceType"]] += 1
    total = len(nodes)

    def figures(types: list[str]) -> dict[str, Any]:
        number = sum(of_type[t] for t in types)
        rows = [round(sum(counts[t][place] for t in types) / number, 2) for place in range(len(TABLES))]
        return {
            "share": round(number / total, 4),
            "first_us": round(sum(first[t] for t in types) / number * 1e6, 1),
            "again_us": round(sum(again[t] for t in types) / number * 1e6, 1),
            "rows": dict(zip(TABLES, rows, strict=True)) | {"all": round(sum(rows), 2)},
        }

    types = sorted(of_type, key=lambda t: -of_type[t])
    publish(
        "extract",
        {"patients": chosen.patients, "resources": total},
        {
            "compile_ms": round(compiling * 1000, 1),
            "displays_per_1000_resources": round(displays / total * 1000, 2),
            "mix": figures(types),
            "types": {t: figures([t]) for t in types},
        },
        keep=not chosen.trial,
    )


if __name__ == "__main__":
    main()
