"""The metrics of the audit trail. Registered with the others by `join`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class TrailMetrics:
    def __init__(self) -> None:
        self.noted = Counter("kuska_trail_noted", "Events taken into the journal or the database.", registry=None)
        self.refused = Counter(
            "kuska_trail_refused", "Requests refused because their event could not be noted.", registry=None
        )
        self.set_aside = Counter(
            "kuska_trail_set_aside", "Lines of a journal that the database did not take.", registry=None
        )
        self.journal_bytes = Gauge(
            "kuska_trail_journal_bytes",
            "Noted and not in the database yet.",
            registry=None,
            multiprocess_mode="livesum",
        )
        self.journal_age = Gauge(
            "kuska_trail_journal_age_seconds",
            "Since the journal was last empty while events wait.",
            registry=None,
            multiprocess_mode="livemax",
        )
        self.chain_lag = Gauge(
            "kuska_trail_chain_lag_seconds",
            "Age of the oldest event without a link in the chain.",
            registry=None,
            multiprocess_mode="livemax",
        )

    def join(self, registry: CollectorRegistry) -> None:
        """To the registry that /metrics shows."""
        for metric in (
            self.noted, self.refused, self.set_aside, self.journal_bytes, self.journal_age, self.chain_lag,
        ):  # fmt: skip
            registry.register(metric)
