"""The metric of attempts that were refused: what an alarm is set on. Registered with the others by `join`."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter


class RefusalMetrics:
    def __init__(self, reasons: Iterable[str]) -> None:
        """`reasons`: all there are. Each is there from the start, so that an alarm sees the first one rise from zero."""
        self._refused = Counter(
            "kuska_security_refused", "Attempts refused, by what was tried.", ["reason"], registry=None
        )
        self._counters = {reason: self._refused.labels(reason) for reason in reasons}

    def refused(self, reason: str) -> None:
        self._counters[reason].inc()

    def join(self, registry: CollectorRegistry) -> None:
        """To the registry that /metrics shows."""
        registry.register(self._refused)
