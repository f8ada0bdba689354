"""A database of its own for each module that fills and empties it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.conftest import _clone

from kuska.infra.postgres.database import Database, Limits


@pytest.fixture(scope="module")
async def own_db(server_dsn: str, template: str) -> AsyncIterator[Database]:
    async with _clone(server_dsn, template) as dsn:
        database = await Database.open(dsn, Limits(read_connections=2, write_connections=2))
        yield database
        await database.close()
