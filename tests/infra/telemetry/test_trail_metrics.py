"""What an operator is alarmed by (docs/contexts/security/trail.md)."""

from __future__ import annotations

import pytest

from kuska.infra.telemetry.metrics import HttpMetrics
from kuska.infra.telemetry.trail import TrailMetrics


@pytest.mark.requirement("LW-31")
def test_they_are_on_the_page_of_metrics() -> None:
    metrics, trail = HttpMetrics(), TrailMetrics()
    trail.join(metrics.registry)
    trail.noted.inc()
    trail.journal_bytes.set(7)
    page = metrics.render().decode()
    for name in ("noted_total 1.0", "refused_total 0.0", "set_aside_total 0.0", "journal_bytes 7.0"):
        assert f"kuska_trail_{name}" in page
    assert "kuska_trail_journal_age_seconds 0.0" in page
    assert "kuska_trail_chain_lag_seconds 0.0" in page
