"""The metrics of what is opened against the rules. Registered with the others by `join`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class PolicyMetrics:
    def __init__(self) -> None:
        self.glass = Counter("kuska_security_glass_broken", "Records opened by breaking the glass.", registry=None)

    def join(self, registry: CollectorRegistry) -> None:
        """To the registry that /metrics shows."""
        registry.register(self.glass)
