"""A Records on this worker's database, with the real definitions and extractor."""

from __future__ import annotations

import pytest
from tests.fhir.unguarded import records_of

from kuska.fhir.domain.identity import Identities
from kuska.fhir.store.facts import own_key
from kuska.fhir.store.records import Records
from kuska.infra.postgres.database import Database


@pytest.fixture(scope="session")
async def identities(db: Database) -> Identities:
    return Identities(await db.transact(lambda tx: own_key(tx, "identities")))


@pytest.fixture(scope="session")
async def records(identities: Identities) -> Records:
    return records_of(identities)


@pytest.fixture
async def fresh_records(fresh_db: Database) -> Records:
    """On an empty database of this test's own."""
    own = Identities(await fresh_db.transact(lambda tx: own_key(tx, "identities")))
    return records_of(own)
