"""`python -m kuska.app.demo.population`: the population as NDJSON, one resource (or one bundle) per line."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from kuska.app.demo.population.facilities import facilities
from kuska.app.demo.population.links import Ids
from kuska.app.demo.population.people import DEFAULT_MIX, REFERENCE_DATE, people
from kuska.kit.json import encode


def _mix(text: str) -> dict[str, float]:
    return {code: float(share) for code, share in (part.split("=") for part in text.split(","))}


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kuska.app.demo.population", description=__doc__)
    parser.add_argument("--patients", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="NDJSON file")
    parser.add_argument("--start", type=int, default=0, help="number of the first person")
    parser.add_argument("--mix", type=_mix, default=dict(DEFAULT_MIX), help="PE=0.6,CL=0.4")
    parser.add_argument("--ids", type=Ids, choices=list(Ids), default=Ids.CLIENT)
    parser.add_argument(
        "--bundles", action="store_true", help="one transaction bundle per line instead of one resource"
    )
    parser.add_argument("--today", type=date.fromisoformat, default=REFERENCE_DATE, help="reference date, YYYY-MM-DD")
    return parser


def _lines(options: argparse.Namespace) -> Iterator[tuple[dict[str, Any], int]]:
    """(node to write, resources in it)."""
    shared = facilities(options.seed, options.ids)
    if options.bundles:
        yield shared, len(shared["entry"])
    else:
        for part in shared["entry"]:
            yield part["resource"], 1
    for life in people(
        options.patients, options.seed, options.mix, ids=options.ids, today=options.today, start=options.start
    ):
        if options.bundles:
            yield life.bundle(), len(life.nodes)
        else:
            for node in life.resources():
                yield node, 1


def main(arguments: list[str] | None = None) -> int:
    options = _arguments().parse_args(arguments)
    if options.ids is Ids.SERVER and not options.bundles:
        sys.stderr.write("--ids server needs --bundles: single resources need ids to point to\n")
        return 2
    began = time.perf_counter()
    resources = size = 0
    with options.out.open("wb") as out:
        for node, count in _lines(options):
            line = encode(node)
            out.write(line)
            out.write(b"\n")
            resources += count
            size += len(line)
    seconds = time.perf_counter() - began
    sys.stderr.write(
        f"{options.patients} people, {resources} resources, {size / max(1, resources):.0f} bytes each, "
        f"{resources / seconds:.0f} resources/s\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
