"""The metrics of HTTP, in Prometheus' form. Labels are few and closed: no ids, no paths, no names of people.

Several processes on one socket count into files of one folder, a set per process, and whoever is asked adds them all up:
every scrape sees everything. What an ended process has counted stays, so that no counter ever goes back. The library
looks at the variable FOLDER when it is imported, so it must be set before the process starts (see app/server.py).
"""

from __future__ import annotations

import contextlib
import os
import struct
import time

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_ATTEMPTS, _MOMENT = 20, 0.002
CONTENT_TYPE = CONTENT_TYPE_LATEST
FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class HttpMetrics:
    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        disable_created_metrics()
        self.registry = registry or CollectorRegistry()
        self._requests = Counter(
            "kuska_http_requests", "Requests answered.", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "kuska_http_seconds", "Time to the last byte.", ["route"], buckets=_BUCKETS, registry=self.registry
        )
        self.running = Gauge(
            "kuska_http_running", "Requests being answered now.", registry=self.registry, multiprocess_mode="livesum"
        )
        # Looking up a child by its labels costs more than counting it.
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        key = (route, method, status)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = self._requests.labels(route, method, str(status))
        counter.inc()
        histogram = self._histograms.get(route)
        if histogram is None:
            histogram = self._histograms[route] = self._seconds.labels(route)
        histogram.observe(seconds)

    def render(self) -> bytes:
        folder = os.environ.get(FOLDER)
        if not folder:
            return generate_latest(self.registry)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody, folder)
        for _ in range(_ATTEMPTS):
            # Another process is just beginning a file, which is empty for a moment.
            with contextlib.suppress(struct.error):
                return generate_latest(everybody)
            time.sleep(_MOMENT)
        return generate_latest(everybody)


def process_ended(pid: int, folder: str) -> None:
    """Its counters stay; requests that it was answering are no longer being answered."""
    mark_process_dead(pid, folder)
