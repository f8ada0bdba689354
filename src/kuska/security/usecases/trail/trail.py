"""The trail as everybody sees it (`contracts.Trail`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kuska.infra.postgres.connection import Write
from kuska.security.contracts import Event
from kuska.security.domain.trail_line import columns, line
from kuska.security.store.trail_events import TrailEvents


class AuditTrail:
    def __init__(self, events: TrailEvents) -> None:
        self._events = events

    async def keep(self, event: Event) -> None:
        await self._events.append([line(event)])

    async def within(self, tx: Write, events: Sequence[Event]) -> None:
        """In the transaction of what they tell about: both or neither."""
        await self._events.append_within(tx, [line(event) for event in events])

    def columns(self, events: Sequence[Event]) -> tuple[Sequence[Any], ...]:
        return columns([line(event) for event in events])
