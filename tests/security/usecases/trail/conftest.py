"""A trail on its own folder and a database of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from kuska.infra.postgres.database import Database
from kuska.security.contracts import Event
from kuska.security.visit import event_id

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def an_event() -> Callable[..., Event]:
    def make(**given: Any) -> Event:
        return Event(**{"id": event_id(), "at": NOON, "action": "R", "kind": "rest", **given})

    return make


@pytest.fixture
def stored() -> Callable[[Database], Any]:
    async def ids(db: Database) -> list[str]:
        async with db.read() as conn:
            return [str(row["id"]) for row in await conn.fetch("select id from security.event order by xact, seq")]

    return ids
