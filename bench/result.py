"""What a benchmark says: one JSON line with machine, workload and figures, kept in bench/results/<name>.json."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
_TICKS = os.sysconf("SC_CLK_TCK")


def _first(path: str, key: str) -> str:
    try:
        for line in Path(path).read_text("utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    except OSError:
        pass
    return "unknown"


def machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _first("/proc/cpuinfo", "model name"),
        "megahertz": _first("/proc/cpuinfo", "cpu MHz"),
        "cores": cores,
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def revision(place: Path = HERE.parent) -> str:
    """Of what is measured: '-dirty' where program or benchmarks differ from it; notes and kept figures do not count."""
    try:
        said = _git(place, "describe", "--always", "--abbrev=10")
        changed = _git(place, "status", "--porcelain", "--", "src", "bench", ":!bench/results")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{said}-dirty" if changed else said


def _git(place: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(place), *arguments], capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()


def refuse_unnamed(found: str) -> None:
    """Figures that are kept must be those of something that others can have, too."""
    if found == "unknown":
        sys.exit(
            "nothing is kept: this is no git repository, so nobody could tell what was measured. With --trial it is printed"
        )
    if found.endswith("-dirty"):
        sys.exit("nothing is kept: src/ or bench/ differ from the last commit. Commit first, or print only: --trial")


def percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def latency(seconds: Iterable[float]) -> dict[str, float]:
    """Milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return {"n": 0}
    figures = {"p50": percentile(ordered, 0.5), "p95": percentile(ordered, 0.95), "p99": percentile(ordered, 0.99),
               "max": ordered[-1]}  # fmt: skip
    return {"n": len(ordered)} | {name: round(value * 1000, 2) for name, value in figures.items()}


def spread(values: Sequence[float], digits: int = 1) -> dict[str, float]:
    """Of one figure over repeated runs."""
    return {
        "median": round(median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
    }


@dataclass(frozen=True, slots=True)
class Cpu:
    """Processor seconds so far: of the whole machine, and of the groups of processes that the benchmark consists of."""

    busy: float
    stolen: float
    groups: Mapping[str, float]

    @classmethod
    def now(cls, **groups: Iterable[int]) -> Cpu:
        """Groups by name, each the processes in it; this process is the group `client`."""
        user, nice, system, _, _, irq, soft, steal = map(
            int, Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:9]
        )
        found = {name: sum(map(_seconds_of, pids)) for name, pids in groups.items()}
        found["client"] = _seconds_of(os.getpid())
        return cls((user + nice + system + irq + soft) / _TICKS, steal / _TICKS, found)

    def since(self, then: Cpu) -> dict[str, float]:
        return {name: seconds - then.groups.get(name, 0.0) for name, seconds in self.groups.items()}

    def noise(self, then: Cpu, seconds: float) -> dict[str, float]:
        """Cores that others used meanwhile: how far the figures can be trusted."""
        foreign = (self.busy - then.busy) - sum(self.since(then).values())
        return {
            "others_cores": round(max(0.0, foreign) / max(seconds, 0.001), 2),
            "stolen_cores": round((self.stolen - then.stolen) / max(seconds, 0.001), 2),
        }


def _seconds_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS  # own and reaped children, user and system


def descendants(roots: Iterable[int]) -> set[int]:
    """Roots and all that they started, as far as they still live."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text("ascii").rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(folder.name))
    found: set[int] = set()
    todo = list(roots)
    while todo:
        pid = todo.pop()
        if pid not in found:
            found.add(pid)
            todo += children.get(pid, [])
    return found


def publish(name: str, workload: Mapping[str, Any], figures: Mapping[str, Any], *, keep: bool = True) -> dict[str, Any]:
    """Print the JSON line; keep it for docs/performance.md unless it was a trial. What cannot be named is not kept."""
    result: dict[str, Any] = {
        "benchmark": name,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": revision(),
        "machine": machine(),
        "workload": dict(workload),
        "figures": dict(figures),
    }
    print(json.dumps(result, ensure_ascii=False), flush=True)
    if keep:
        refuse_unnamed(result["revision"])
        RESULTS.mkdir(exist_ok=True)
        text = json.dumps(result, ensure_ascii=False, indent=1)
        (RESULTS / f"{name}.json").write_text(text + "\n", "utf-8")
    return result


def note(text: str) -> None:
    """Progress goes to stderr: stdout has the JSON line alone."""
    print(text, file=sys.stderr, flush=True)
