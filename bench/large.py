"""What others see beside one very large request: the times of a client that reads one Patient, over and over, meanwhile.

Also how long the large request takes, and the memory of the application's processes before it, during it and afterwards.
"""

from __future__ import annotations

import argparse
import http.client
import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.measure import data_folder, options
from bench.result import descendants, latency, publish
from bench.server import HEADERS, HOST, Server, serving

Node = dict[str, Any]
_JSON = {"content-type": "application/fhir+json"}
_AFTER = 45.0  # seconds until memory is looked at again: longer than anything idle is kept
_ENVIRONMENT = {
    "KUSKA_FHIR_MAX_RESOURCE_BYTES": str(10 * 1024 * 1024),
    "KUSKA_FHIR_MAX_BODY_BYTES": str(50 * 1024 * 1024),
}


def patient(megabytes: float) -> Node:
    """All in names: what costs most to index."""
    names = [
        {"use": "official", "family": f"Quispe{place} Mamani", "given": ["Rosa", "Elena"]}
        for place in range(int(megabytes * 1e6 / 75))
    ]
    return {"resourceType": "Patient", "gender": "female", "name": names}


def questionnaire(items: int) -> Node:
    """What costs most to check."""
    item = [
        {
            "linkId": f"item-{place}",
            "text": f"Pregunta {place} de una encuesta muy larga, con un texto",
            "type": "string",
        }
        for place in range(items)
    ]
    return {"resourceType": "Questionnaire", "status": "active", "item": item}


def bundle(kind: str, count: int, megabytes: float) -> Node:
    entry = {"resource": patient(megabytes), "request": {"method": "POST", "url": "Patient"}}
    return {"resourceType": "Bundle", "type": kind, "entry": [entry] * count}


_CASES: Mapping[str, tuple[str, Any]] = {
    "patient of 0.5 MB": ("/fhir/Patient", lambda: patient(0.5)),
    "patient of 4.6 MB": ("/fhir/Patient", lambda: patient(4.6)),
    "questionnaire of 60,000 items": ("/fhir/Questionnaire", lambda: questionnaire(60_000)),
    "transaction of 4 patients of 9.5 MB": ("/fhir", lambda: bundle("transaction", 4, 9.5)),
    "batch of 4 patients of 9.5 MB": ("/fhir", lambda: bundle("batch", 4, 9.5)),
}


def measure(server: Server, path: str, body: bytes) -> dict[str, Any]:
    conn = http.client.HTTPConnection(HOST, server.port, timeout=1200)
    conn.request("POST", "/fhir/Patient", json.dumps({"resourceType": "Patient", "gender": "male"}), _JSON | HEADERS)
    answer = conn.getresponse()
    wanted = f"/fhir/Patient/{json.loads(answer.read())['id']}"
    before, status, begun = _memory(server), [0], time.perf_counter()

    def send() -> None:
        large = http.client.HTTPConnection(HOST, server.port, timeout=1200)
        large.request("POST", path, body, _JSON | HEADERS | {"prefer": "return=minimal"})
        got = large.getresponse()
        got.read()
        status[0] = got.status

    sending = threading.Thread(target=send)
    sending.start()
    times: list[float] = []
    while sending.is_alive():
        one = time.perf_counter()
        conn.request("GET", wanted, headers=HEADERS)
        conn.getresponse().read()
        times.append(time.perf_counter() - one)
    seconds = time.perf_counter() - begun
    during = _memory(server, peak=True)
    time.sleep(_AFTER)
    return {
        "megabytes": round(len(body) / 1e6, 1),
        "status": status[0],
        "seconds": round(seconds, 1),
        "reads_ms": latency(times),
        "memory_mb": {"before": before, "peak": during, "afterwards": _memory(server)},
    }


def _memory(server: Server, *, peak: bool = False) -> list[int]:
    """Resident, of each of the application's processes."""
    found: list[int] = []
    for pid in sorted(descendants([server.process.pid]) - server.place.pids()):
        try:
            status = Path(f"/proc/{pid}/status").read_text("utf-8")
        except OSError:
            continue
        wanted = "VmHWM:" if peak else "VmRSS:"
        found += [int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith(wanted)]
    return found


def main(arguments: list[str] | None = None) -> None:
    parser: argparse.ArgumentParser = options(__doc__, seconds=0, runs=1, connections=[1], patients=0)
    parser.add_argument("--only", default="", help="cases whose name begins so")
    chosen = parser.parse_args(arguments)
    figures: dict[str, Any] = {}
    for name, (path, make) in _CASES.items():
        if name.startswith(chosen.only):
            with data_folder(chosen.folder) as folder, serving(folder, _ENVIRONMENT) as server:
                figures[name] = measure(server, path, json.dumps(make(), separators=(",", ":")).encode())
    publish("large", {"reader": "one client, one Patient"}, figures, keep=not chosen.trial)


if __name__ == "__main__":
    main()
