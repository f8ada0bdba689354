"""Repeated runs of one workload, and what they say together. The options that all benchmarks share."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import tempfile
import time
from array import array
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from bench import access
from bench.load import Script, Tally, authorize, play
from bench.result import Cpu, descendants, latency, note, refuse_unnamed, revision, spread
from bench.server import HEADERS, HOST, Server, serving

# On a disk, not in memory as /tmp often is: commits must reach something durable.
FOLDER = Path(__file__).parent.parent / "build" / "bench"


class _Parser(argparse.ArgumentParser):
    """Says before a quarter of an hour is over, and not only after it, that nothing would be kept."""

    def parse_args(self, *given: Any, **named: Any) -> Any:
        chosen = super().parse_args(*given, **named)
        if not chosen.trial:
            refuse_unnamed(revision())
        return chosen


def options(
    doc: str | None, *, seconds: float, runs: int, connections: list[int], patients: int
) -> argparse.ArgumentParser:
    parser = _Parser(description=doc, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--seconds", type=float, default=seconds, help="measured time of one run")
    parser.add_argument("--runs", type=int, default=runs, help="runs of each setting; figures are their median")
    parser.add_argument("--connections", type=int, nargs="+", default=connections, help="simultaneous clients")
    parser.add_argument("--patients", type=int, default=patients, help="size of the synthetic population")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the temporary data folder is made; a disk")
    parser.add_argument(
        "--security", choices=["off", "on"], default="off", help="with tokens, policy and trail, or not"
    )
    parser.add_argument("--trial", action="store_true", help="print the line, do not keep it")
    return parser


@contextlib.contextmanager
def served(folder: Path, security: str) -> Generator[Server]:
    """`security` 'on': every request that is made from here on carries the token of a client that may everything."""
    with serving(folder, access.ENVIRONMENT if security == "on" else None) as server:
        if security == "on":
            token = access.token(server)
            authorize(token)
            HEADERS["authorization"] = f"Bearer {token}"
        yield server


def named(name: str, security: str) -> str:
    return f"{name}_secured" if security == "on" else name


@contextlib.contextmanager
def data_folder(parent: Path) -> Generator[Path]:
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="data-", dir=parent))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        (parent / f"{folder.name}.serve.log").unlink(missing_ok=True)


def processor(server: Server) -> Cpu:
    return Cpu.now(app=descendants([server.process.pid]) - server.place.pids(), database=server.place.pids())


def runs(
    server: Server,
    script: Callable[[int], Script],
    *,
    connections: int,
    seconds: float,
    count: int,
    warm: float = 1.0,
    label: str = "",
) -> dict[str, Any]:
    """The figures of `count` runs of the same load."""
    tallies: list[Tally] = []
    processors: list[dict[str, float]] = []
    noises: list[dict[str, float]] = []
    for number in range(count):
        before, begun = processor(server), time.perf_counter()
        tally = play(HOST, server.port, script, connections=connections, seconds=seconds, warm=warm)
        after, taken = processor(server), time.perf_counter() - begun
        tallies.append(tally)
        share = tally.seconds / taken if taken else 1.0
        requests = max(1, tally.requests + tally.failed)
        processors.append({who: used * share / requests * 1e6 for who, used in after.since(before).items()})
        noises.append(after.noise(before, taken))
        rate = tally.requests / tally.seconds if tally.seconds else 0.0
        note(
            f"  {label or 'run'} {number + 1}/{count}, {connections} connections: {rate:,.0f}/s, {tally.failed} errors"
        )
    return summary(tallies) | {
        "processor_us_per_request": {who: spread([each[who] for each in processors], 0) for who in processors[0]},
        "others_cores": spread([each["others_cores"] for each in noises], 2),
    }


def summary(tallies: list[Tally]) -> dict[str, Any]:
    everything: dict[str, array[float]] = {}
    errors: dict[str, int] = {}
    examples: dict[str, str] = {}
    for tally in tallies:
        for kind, values in tally.latencies.items():
            everything.setdefault(kind, array("d")).extend(values)
        for key, number in tally.errors.items():
            errors[key] = errors.get(key, 0) + number
        examples |= tally.examples
    each = [latency(value for values in tally.latencies.values() for value in values) for tally in tallies]
    return {
        "requests_per_second": spread([tally.requests / tally.seconds for tally in tallies if tally.seconds] or [0.0]),
        "resources_per_second": spread([tally.worth / tally.seconds for tally in tallies if tally.seconds] or [0.0]),
        "p50_ms": spread([one.get("p50", 0.0) for one in each], 2),
        "p99_ms": spread([one.get("p99", 0.0) for one in each], 2),
        "max_ms": max((one.get("max", 0.0) for one in each), default=0.0),
        "kinds": {kind: latency(values) for kind, values in sorted(everything.items())},
        "errors": sum(errors.values()),
        "error_kinds": errors,
        **({"error_examples": examples} if examples else {}),
    }
