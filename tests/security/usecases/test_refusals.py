"""What a refused attempt costs: one of a counter, one of its address' patience, one line."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from kuska.infra.telemetry.metrics import HttpMetrics
from kuska.infra.telemetry.policy import PolicyMetrics
from kuska.infra.telemetry.refusals import RefusalMetrics
from kuska.infra.telemetry.trail import TrailMetrics
from kuska.security.contracts import ANONYMOUS, Event
from kuska.security.settings import LimitSettings
from kuska.security.usecases.limits import Limits, ThrottledError
from kuska.security.usecases.refusals import Refusals, Tried

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("AP-10")]
DOCS = Path(__file__).parents[3] / "docs"


class _Lines:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def note(self, event: Event) -> None:
        self.events.append(event)


def _event(address: str = "203.0.113.7") -> Event:
    return Event(
        id="1", at=datetime(2026, 11, 21, tzinfo=UTC), action="E", kind="door", interaction="enter", outcome="4",
        reason="security.no-token", caller=replace(ANONYMOUS, address=address),
    )  # fmt: skip


def _figures(refusals: Refusals) -> dict[str, float]:
    registry = CollectorRegistry()
    refusals.metrics.join(registry)
    lines = generate_latest(registry).decode().splitlines()
    found = [line.partition("} ") for line in lines if line.startswith("kuska_security_refused_total{")]
    return {name.partition('reason="')[2].rstrip('"'): float(value) for name, _, value in found}


def test_counted_held_against_the_address_and_noted() -> None:
    lines = _Lines()
    refusals = Refusals(lines, Limits(LimitSettings(failures_per_minute=1, failures_burst=2), now=lambda: 0.0))
    assert _figures(refusals) == dict.fromkeys(get_args(Tried), 0.0), "all there is, from the start, and nothing else"
    for _ in range(2):
        refusals.missed("token", _event())
    with pytest.raises(ThrottledError):
        refusals.missed("session", _event())
    with pytest.raises(ThrottledError):
        refusals.against("link", "203.0.113.7")
    assert len(lines.events) == 2, "who knocks on does not fill the trail"
    refusals.missed("link", _event("203.0.113.8"))
    refusals.count("sign-in")
    assert len(lines.events) == 3
    expected = {"token": 2.0, "session": 1.0, "link": 2.0, "sign-in": 1.0}
    assert _figures(refusals) == dict.fromkeys(get_args(Tried), 0.0) | expected, "also what was answered with 429"


def test_what_alarms_are_promised_for_is_there() -> None:
    """The papers name metrics: each is one that /metrics has, and each reason is explained."""
    registry = HttpMetrics().registry
    for metrics in (TrailMetrics(), PolicyMetrics(), RefusalMetrics(get_args(Tried))):
        metrics.join(registry)
    there = set(re.findall(r"^(kuska_\w+)", generate_latest(registry).decode(), re.MULTILINE))
    there |= set(re.findall(r"^# TYPE (kuska_\w+)", generate_latest(registry).decode(), re.MULTILINE))
    papers = [DOCS / "policies" / "incident-response.md", *sorted((DOCS / "contexts" / "security").glob("*.md"))]
    named = {name for paper in papers for name in re.findall(r"\b(kuska_[a-z_]+[a-z])\b(?!_)", paper.read_text())}
    assert {
        "kuska_security_refused_total",
        "kuska_trail_chain_lag_seconds",
        "kuska_security_glass_broken_total",
    } <= named
    assert not named - there
    explained = set(
        re.findall(r"^\| `([a-z-]+)` \|", (DOCS / "contexts" / "security" / "policy.md").read_text(), re.MULTILINE)
    )
    assert set(get_args(Tried)) <= explained
