"""All benchmarks of the record, one after the other, each with its JSON line; at the end one line that holds them against the targets.

`standard` takes about a quarter of an hour on two cores; `large` loads 64,000 people (3.5 million resources) and takes about an hour;
`small` is for trying it out. Leave the machine alone meanwhile: each line says how many cores others used.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from bench import beside, bundle, ceilings, crud, disk, profile_write, read, search, start
from bench.result import RESULTS, note

PLANS: dict[str, dict[str, list[str]]] = {
    "small": {
        "ceilings": ["--seconds", "1"],
        "crud": ["--seconds", "3", "--runs", "1"],
        "read": ["--seconds", "3", "--runs", "1", "--patients", "100"],
        "bundle": ["--runs", "1", "--patients", "100"],
        "disk": ["--patients", "200"],
        "search": ["--sizes", "200", "1000", "--seconds", "0.5"],
        "start": ["--runs", "2", "--patients", "100"],
        "profile_write": ["--seconds", "3", "--resources", "1000"],
        "beside": ["--runs", "5", "--patients", "60"],
    },
    "standard": {
        "ceilings": [],
        "crud": [],
        "read": [],
        "bundle": [],
        "disk": [],
        "search": ["--sizes", "1000", "8000"],
        "start": [],
        "profile_write": [],
        "beside": [],
    },
    "large": {
        "ceilings": [],
        "crud": ["--seconds", "20"],
        "read": ["--seconds", "15"],
        "bundle": ["--patients", "1000"],
        "disk": ["--patients", "4000"],
        "search": ["--sizes", "1000", "8000", "64000"],
        "start": ["--patients", "2000"],
        "profile_write": [],
        "beside": ["--runs", "60"],
    },
}
# The same with security on, last: from then on every request carries a token.
SECURED = ("crud", "read", "bundle")
for _plan in PLANS.values():
    _plan.update({f"{name}_secured": [*_plan[name], "--security", "on"] for name in SECURED})

MAINS = {
    "ceilings": ceilings.main,
    "crud": crud.main,
    "read": read.main,
    "bundle": bundle.main,
    "disk": disk.main,
    "search": search.main,
    "start": start.main,
    "profile_write": profile_write.main,
    "beside": beside.main,
    "crud_secured": crud.main,
    "read_secured": read.main,
    "bundle_secured": bundle.main,
}


def result(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=list(PLANS), default="standard")
    parser.add_argument("--only", nargs="+", choices=list(MAINS), default=list(MAINS))
    chosen = parser.parse_args(arguments)
    for name in chosen.only:
        note(f"== {name}")
        MAINS[name](PLANS[chosen.size][name])
    # Read back, so that one that was left out counts with its last figures.
    from bench.report import targets  # noqa: PLC0415 - the report knows this module's results, not the other way round

    line = [{"target": text, "measured": measured, "met": met} for text, measured, met in targets()]
    print(json.dumps({"benchmark": "fhir", "size": chosen.size, "targets": line}, ensure_ascii=False))


if __name__ == "__main__":
    main()
