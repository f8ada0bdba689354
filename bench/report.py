"""docs/performance.md from the saved results: the text is in performance.template.md, `{{name}}` in it becomes a table.

python -m bench.report            writes the page (`make docs` does it too)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import report_security
from bench.tables import Json
from bench.tables import number as _n
from bench.tables import table as _table

ROOT = Path(__file__).parent.parent
_HERE = Path(__file__).parent
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_MISSING = "*Not measured yet: `make bench-{}`.*"


def results() -> dict[str, Json]:
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((_HERE / "results").glob("*.json"))}


def render(_: Path = ROOT) -> str:
    found = results()
    template = (_HERE / "performance.template.md").read_text("utf-8")
    return _PLACE.sub(lambda place: _PARTS[place[1]](found), template)


def _range(figure: Json, digits: int = 0) -> str:
    middle = _n(figure["median"], digits)
    if figure["min"] == figure["max"]:
        return middle
    return f"{middle} ({_n(figure['min'], digits)}–{_n(figure['max'], digits)})"


# --- targets ------------------------------------------------------------------------------------------------------------


def targets() -> list[tuple[str, str, bool | None]]:
    """Target, what was measured, whether it is met (None: not measured)."""
    found = results()
    rows = [
        row
        for name, rows in _TARGETS
        for row in (rows(found[name]["figures"]) if name in found else [(f"({name})", "not measured", None)])
    ]
    return rows + report_security.targets(found)


def _crud_targets(figures: Json) -> list[tuple[str, str, bool | None]]:
    rows = [(float(one["requests_per_second"]["median"]), float(one["p99_ms"]["median"]), number, one["errors"])
            for number, one in figures["connections"].items()]  # fmt: skip
    good = [row for row in rows if row[1] < 40 and not row[3]]
    rate, p99, number, _ = max(good or rows)
    said = f"{rate:,.0f}/s, p99 {p99:.1f} ms ({number} clients)"
    return [("CRUD mix ≥ 1,500 requests/s with p99 < 40 ms", said, bool(good) and rate >= 1500)]


def _read_targets(figures: Json) -> list[tuple[str, str, bool | None]]:
    number, one = max(figures["connections"].items(), key=lambda each: each[1]["requests_per_second"]["median"])
    rate = one["requests_per_second"]["median"]
    return [("reads ≥ 5,000/s", f"{rate:,.0f}/s ({number} clients)", rate >= 5000 and not one["errors"])]


def _bundle_targets(figures: Json) -> list[tuple[str, str, bool | None]]:
    number, one = max(figures["connections"].items(), key=lambda each: each[1]["resources_per_second"]["median"])
    rate = one["resources_per_second"]["median"]
    said = f"{rate:,.0f}/s ({number} clients)"
    return [("transaction bundles ≥ 3,000 resources/s", said, rate >= 3000 and not one["errors"])]


def _disk_targets(figures: Json) -> list[tuple[str, str, bool | None]]:
    size = figures["bytes_per_resource"]
    return [("disk ≤ 2.0 KB per resource, indexes and history included", f"{size / 1000:.2f} KB", size <= 2000)]


def _search_targets(figures: Json) -> list[tuple[str, str, bool | None]]:
    sizes = sorted(figures["sizes"], key=int)
    first, last = figures["sizes"][sizes[0]], figures["sizes"][sizes[-1]]
    worst = first["worst_p99_ms"]
    right = not first["wrong"] and not last["wrong"]
    rows: list[tuple[str, str, bool | None]] = [
        (f"30 query shapes: p99 < 50 ms at {int(sizes[0]):,} patients", f"worst {worst:.1f} ms", worst < 50 and right)
    ]
    if len(sizes) > 1:
        people = f"{int(sizes[-1]):,} patients"
        slow = [name for name, one in last["shapes"].items() if one["p99"] > 100]
        rows.append((f"… at {people} at most twice that limit (100 ms)", _share(slow), not slow and right))
        # Where a millisecond became two, the noise decides: such a shape counts as flat.
        steep = [name for name, grown in figures["growth"].items()
                 if grown["p99"] > 2 and last["shapes"][name]["p99"] > 10]  # fmt: skip
        rows.append(
            (f"… and, read more strictly, at {people} at most twice its own p99", _share(steep), not steep and right)
        )
    return rows


def _share(failing: list[str]) -> str:
    return f"{30 - len(failing)} of 30 shapes" + (f"; not: {', '.join(failing)}" if failing else "")


def _start_targets(figures: Json) -> list[tuple[str, str, bool | None]]:
    app = max(one["resident"] for one in figures["memory_mb"]["application"])
    start = figures["warm_s"]["median"]
    return [
        ("start to first answer < 3 s on an existing data folder", f"{start:.2f} s", start < 3),
        ("memory per process < 250 MB", f"{app:.0f} MB resident", app < 250),
    ]


_TARGETS: list[tuple[str, Callable[[Json], list[tuple[str, str, bool | None]]]]] = [
    ("crud", _crud_targets),
    ("read", _read_targets),
    ("bundle", _bundle_targets),
    ("disk", _disk_targets),
    ("search", _search_targets),
    ("start", _start_targets),
]
_WORDS = {True: "yes", False: "**no**", None: "?"}


def _targets(_: dict[str, Json]) -> str:
    return _table(("target", "measured", "met"), ((text, said, _WORDS[met]) for text, said, met in targets()))


# --- one part each --------------------------------------------------------------------------------------------------------


def _origin(found: dict[str, Json]) -> str:
    rows = []
    for name, one in found.items():
        machine = one["machine"]
        rows.append((f"`{name}`", one["when"][:16].replace("T", " "), f"`{one['revision']}`",
                     f"{machine['cores']} × {machine['processor']}", f"{machine['memory_gib']} GiB", machine["system"],
                     _noise(one["figures"])))  # fmt: skip
    return _table(
        ("benchmark", "when (UTC)", "revision", "processor", "memory", "system", "cores used by others"), rows
    )


def _noise(figures: Json) -> str:
    seen: list[float] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                if key == "others_cores":
                    seen.append(item["max"] if isinstance(item, dict) else item)
                else:
                    walk(item)

    walk(figures)
    return f"{min(seen):.2f}–{max(seen):.2f}" if seen else "–"


def _load(name: str, what: str) -> Callable[[dict[str, Json]], str]:
    def part(found: dict[str, Json]) -> str:
        if name not in found:
            return _MISSING.format(name)
        rows = []
        for number, one in found[name]["figures"]["connections"].items():
            cpu = one["processor_us_per_request"]
            rows.append((number, _range(one[what]), _range(one["p50_ms"], 1), _range(one["p99_ms"], 1), one["errors"],
                         " / ".join(_n(cpu[who]["median"]) for who in ("app", "database", "client"))))  # fmt: skip
        unit = "resources/s" if what == "resources_per_second" else "requests/s"
        return _table(
            (
                "clients",
                unit,
                "p50 ms",
                "p99 ms",
                "errors",
                "processor µs per request: application / database / client",
            ),
            rows,
        )

    return part


def _crud_kinds(found: dict[str, Json]) -> str:
    if "crud" not in found:
        return ""
    connections = found["crud"]["figures"]["connections"]
    rows = [
        (kind, *(f"{one['kinds'][kind]['p50']:.1f} / {one['kinds'][kind]['p99']:.1f}" for one in connections.values()))
        for kind in ("create", "read", "update", "delete")
    ]
    return _table(("p50 / p99 ms", *(f"{number} clients" for number in connections)), rows)


def _disk(found: dict[str, Json]) -> str:
    if "disk" not in found:
        return _MISSING.format("disk")
    figures = found["disk"]["figures"]
    rows = [
        (
            f"`{name}`",
            _n(one["rows_per_resource"], 2),
            _n(one["table_bytes_per_resource"]),
            _n(one["index_bytes_per_resource"]),
        )
        for name, one in figures["tables"].items()
        if one["table_bytes_per_resource"] + one["index_bytes_per_resource"] >= 1
    ]
    rows.append(("**all**", "", "", f"**{_n(figures['bytes_per_resource'])}**"))
    intro = (
        f"{figures['resources']:,} resources: **{figures['bytes_per_resource']:,} bytes each** "
        f"({figures['database_bytes_per_resource']:,} with PostgreSQL's own catalogue), {figures['body_bytes_per_resource']:,} of them the compressed body.\n\n"
    )
    return intro + _table(("table", "rows per resource", "table bytes", "index bytes"), rows)


def _search(found: dict[str, Json]) -> str:
    if "search" not in found:
        return _MISSING.format("search")
    by_size = found["search"]["figures"]["sizes"]
    sizes = sorted(by_size, key=int)
    rows = []
    for name, one in by_size[sizes[0]]["shapes"].items():
        cells = [
            f"{by_size[size]['shapes'][name].get('p50', 0):.1f} / {by_size[size]['shapes'][name].get('p99', 0):.1f}"
            for size in sizes
        ]
        rows.append((f"{one['family']}: {name}", *cells))
    rows.append(
        (
            "*all shapes mixed, 16 clients, queries/s*",
            *(_n(by_size[size]["mixed"]["requests_per_second"]["median"]) for size in sizes),
        )
    )
    rows.append(("*resources*", *(f"{by_size[size]['resources']:,}" for size in sizes)))
    rows.append(
        (
            "*statistics gathered by itself after, s*",
            *(_n(by_size[size]["statistics_gathered_after_s"]) for size in sizes),
        )
    )
    rows.append(("*shapes with a wrong answer or an error*", *(len(by_size[size]["wrong"]) for size in sizes)))
    return _table(("p50 / p99 ms", *(f"{int(size):,} people" for size in sizes)), rows)


def _start(found: dict[str, Json]) -> str:
    if "start" not in found:
        return _MISSING.format("start")
    figures = found["start"]["figures"]
    memory, idle = figures["memory_mb"], figures["memory_idle_mb"]
    rows = [
        ("start on an existing folder", f"{_range(figures['warm_s'], 2)} s"),
        ("start after kill -9 of application and database", f"{figures['crashed_s']:.2f} s"),
        ("start in an empty folder (makes the database)", f"{figures['new_s']:.2f} s"),
        ("application, resident after load (idle)",
         f"{memory['application'][0]['resident']:.0f} MB ({idle['application'][0]['resident']:.0f})"),
        ("its keeper of the database", f"{memory['application'][1]['resident']:.0f} MB" if len(memory["application"]) > 1 else "–"),
        (f"database, {memory['database_processes']} processes together (proportional share)", f"{memory['database_share_total']:.0f} MB"),
        ("largest database process, own memory", f"{memory['database_largest_own']:.0f} MB"),
    ]  # fmt: skip
    return _table(("", ""), rows)


_STEPS = ("decode", "validate", "extract", "encode", "compress", "digest", "columns")


def _profile(found: dict[str, Json]) -> str:
    if "profile_write" not in found:
        return _MISSING.format("profile_write")
    figures = found["profile_write"]["figures"]
    steps = figures["steps"]
    names = list(steps)
    rows: list[tuple[object, ...]] = [(step, *(_n(steps[name][step], 1) for name in names)) for step in _STEPS]
    rows.append(("*sum of the steps*", *(_n(sum(steps[name][step] for step in _STEPS), 1) for name in names)))
    rows.append(
        (
            "*bytes in → stored*",
            *(f"{steps[name]['bytes']:,.0f} → {steps[name]['stored_bytes']:,.0f}" for name in names),
        )
    )
    save = figures["save_mix"]
    [(number, http)] = [(key, one) for key, one in [("16", figures["http"])]]
    cpu = http["processor_us_per_request"]
    whole = (
        f"\n\nOf the mix, `Records.save` by 8 callers costs {save['own_process']:.0f} µs in our process (extract to columns, driver) and "
        f"{save['database']:.0f} µs in the database ({save['saves_per_second']:,}/s). Through HTTP with {number} clients a create costs "
        f"{cpu['app']['median']:.0f} µs in the application, {cpu['database']['median']:.0f} µs in the database and {cpu['client']['median']:.0f} µs in the "
        f"client ({http['requests_per_second']['median']:,.0f}/s)."
    )
    return _table(("µs of processor", *names), rows) + whole


def _ceilings(found: dict[str, Json]) -> str:
    if "ceilings" not in found:
        return _MISSING.format("ceilings")
    figures = found["ceilings"]["figures"]
    rows = [("8 KB written and flushed to the disk, one after the other", f"{figures['flush_8k']['per_second']:,}/s",
             f"p99 {figures['flush_8k']['p99']:.2f} ms")]  # fmt: skip
    for app, kinds in figures["http"].items():
        for kind, one in kinds.items():
            rows.append(
                (
                    f"HTTP answer of 1.5 KB, {kind}, {app}",
                    f"{one['per_second']:,}/s",
                    f"{one['server_us']:.0f} µs of the server",
                )
            )
    return _table(("", "ceiling", ""), rows)


_PARTS: dict[str, Callable[[dict[str, Json]], str]] = {
    "targets": _targets,
    "origin": _origin,
    "crud": _load("crud", "requests_per_second"),
    "crud_kinds": _crud_kinds,
    "read": _load("read", "requests_per_second"),
    "bundle": _load("bundle", "resources_per_second"),
    "disk": _disk,
    "search": _search,
    "start": _start,
    "turns": lambda found: report_security.turns(found) or _MISSING.format("beside"),
    "security": lambda found: report_security.table(found) or _MISSING.format("fhir"),
    "profile": _profile,
    "ceilings": _ceilings,
}


if __name__ == "__main__":
    (ROOT / "docs" / "performance.md").write_text(render(), "utf-8")
