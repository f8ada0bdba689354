"""The rules of R4 (invariants) on a synthetic population: microseconds per rule, compiled and in the general engine, on one core.

Every rule of every element is evaluated as validation would, but for `ele-1`, which validation checks by itself. `rules` is how many of
them a resource of the mix brings; `slowest` the dearest ones by what they cost all resources together.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from time import thread_time
from typing import Any

from bench.extract import population
from bench.result import publish
from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.fhirpath import compile_check
from kuska.fhir.domain.fhirpath.check import by_engine

Node = dict[str, Any]
Check = Callable[[Any, Node, Node], bool]
Case = tuple[str, str, str, Any, Node, Node]  # key, rule, type, element, resource, root
ROUNDS = 3


def cases(node: Any, type_: str, resource: Node, root: Node) -> Iterator[Case]:
    structure = definitions().structures[type_]
    for constraint in structure.constraints:
        if constraint.key != "ele-1":
            yield constraint.key, constraint.expression, type_, node, resource, root
    if not isinstance(node, dict):
        return
    for element in structure.elements.values():
        value = node.get(element.name)
        for one in value if isinstance(value, list) else [value]:
            if one is None:
                continue
            for constraint in element.constraints:
                if constraint.key != "ele-1":
                    yield constraint.key, constraint.expression, element.type, one, resource, root
            if element.type == "Resource":
                yield from cases(one, one["resourceType"], one, root if element.name == "contained" else one)
            else:
                yield from cases(one, element.type, resource, root)


def timed(found: list[Case], compiled: Callable[[str, str], Check]) -> tuple[dict[str, float], float]:
    """Seconds by rule, best of some rounds, and what compiling cost."""
    started = thread_time()
    checks: dict[tuple[str, str], Check] = {}
    by_key: defaultdict[str, list[tuple[Check, Any, Node, Node]]] = defaultdict(list)
    for key, rule, type_, element, resource, root in found:
        if (rule, type_) not in checks:
            checks[rule, type_] = compiled(rule, type_)
        by_key[key].append((checks[rule, type_], element, resource, root))
    compiling = thread_time() - started
    seconds: dict[str, float] = {}
    for key, calls in by_key.items():
        rounds: list[float] = []
        for _ in range(ROUNDS):
            started = thread_time()
            for check, element, resource, root in calls:
                check(element, resource, root)
            rounds.append(thread_time() - started)
        seconds[key] = min(rounds)
    return seconds, compiling


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--patients", type=int, default=20)
    parser.add_argument("--trial", action="store_true", help="print the line, do not keep it")
    chosen = parser.parse_args()
    nodes = population(chosen.patients)
    found = [case for node in nodes for case in cases(node, node["resourceType"], node, node)]
    fast, compiling = timed(found, compile_check)
    engine, _ = timed(found, by_engine)
    counts: defaultdict[str, int] = defaultdict(int)
    for key, *_ in found:
        counts[key] += 1
    dearest = sorted(fast, key=lambda key: -fast[key])[:8]
    publish(
        "rules",
        {"patients": chosen.patients, "resources": len(nodes), "evaluations": len(found)},
        {
            "rules": round(len(found) / len(nodes), 1),
            "us_per_rule": round(sum(fast.values()) / len(found) * 1e6, 3),
            "us_per_rule_engine": round(sum(engine.values()) / len(found) * 1e6, 2),
            "us_per_resource": round(sum(fast.values()) / len(nodes) * 1e6, 1),
            "compile_ms": round(compiling * 1000, 1),
            "slowest": {key: round(fast[key] / counts[key] * 1e6, 2) for key in dearest},
        },
        keep=not chosen.trial,
    )


if __name__ == "__main__":
    main()
