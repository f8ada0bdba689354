"""Time from `kuska serve` to the first answer, and the memory of each process after load.

`warm` is a folder with data, stopped orderly; `crashed` the same after kill -9 of application and database; `new` an empty folder,
where the database is made first.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from bench.measure import data_folder, options
from bench.population import Loaded, send_common, send_people
from bench.read import measure as measure_reads
from bench.result import descendants, publish, spread
from bench.server import Server, serving


def memory(server: Server) -> dict[str, Any]:
    """MB. `own` is private memory, `resident` what `ps` shows, `share` own plus a fair part of what is shared."""
    app = descendants([server.process.pid]) - server.place.pids()
    return {
        "application": sorted((_memory(pid) for pid in app), key=lambda one: -one["resident"]),
        "database_processes": len(server.place.pids()),
        "database_share_total": round(sum(_memory(pid)["share"] for pid in server.place.pids()), 1),
        "database_largest_own": max((_memory(pid)["own"] for pid in server.place.pids()), default=0.0),
    }


def _memory(pid: int) -> dict[str, float]:
    found: dict[str, float] = {}
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]:
            name, value, *_ = line.split()
            found[name] = found.get(name, 0.0) + float(value) / 1024
    except OSError:
        pass
    own = found.get("Private_Dirty:", 0.0) + found.get("Private_Clean:", 0.0)
    return {
        "resident": round(found.get("Rss:", 0.0), 1),
        "own": round(own, 1),
        "share": round(found.get("Pss:", 0.0), 1),
    }


def starts(folder: Path, count: int) -> dict[str, float]:
    taken: list[float] = []
    for _ in range(count):
        with serving(folder) as server:
            taken.append(server.first_answer)
    return spread(taken, 2)


def crashed(folder: Path) -> float:
    with serving(folder) as server:
        for pid in server.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        server.process.wait()
        time.sleep(0.5)
    with serving(folder) as server:
        return round(server.first_answer, 2)


def measure(folder: Path, count: int) -> dict[str, Any]:
    return {"warm_s": starts(folder, count), "crashed_s": crashed(folder)}


def main(arguments: list[str] | None = None) -> None:
    chosen = options(__doc__, seconds=5, runs=5, connections=[16], patients=300).parse_args(arguments)
    loaded = Loaded()
    with data_folder(chosen.folder) as folder:
        with serving(folder) as server:
            new = round(server.first_answer, 2)
            idle = memory(server)
            send_common(server)
            send_people(server, 0, chosen.patients, loaded)
            measure_reads(server, loaded.paths, connections=chosen.connections, seconds=chosen.seconds, count=1)
            figures: dict[str, Any] = {"memory_mb": memory(server), "memory_idle_mb": idle, "new_s": new}
        figures |= measure(folder, chosen.runs)
    publish("start", {"resources": loaded.resources, "runs": chosen.runs}, figures, keep=not chosen.trial)


if __name__ == "__main__":
    main()
