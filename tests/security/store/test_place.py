"""One database, one tenant, one country: what belongs elsewhere is refused at the connection."""

from __future__ import annotations

import asyncpg
import pytest

from kuska.infra.postgres.database import Database, Limits
from kuska.security.errors import OtherPlaceError
from kuska.security.settings import SecuritySettings
from kuska.security.store.place import settle_place

pytestmark = pytest.mark.requirement("LW-29")
OURS = SecuritySettings(tenant="hospital", country="PE")


@pytest.mark.parametrize(
    "other", [SecuritySettings(tenant="clinic", country="PE"), SecuritySettings(tenant="hospital", country="CL")]
)
async def test_a_process_of_another_place_does_not_start(fresh_db: Database, other: SecuritySettings) -> None:
    await settle_place(fresh_db, OURS)
    await settle_place(fresh_db, OURS)
    with pytest.raises(OtherPlaceError):
        await settle_place(fresh_db, other)


async def test_a_connection_that_leads_elsewhere_later_is_not_used(fresh_dsn: str) -> None:
    db = await Database.open(fresh_dsn, Limits(read_connections=2, write_connections=2))
    try:
        await settle_place(db, OURS)
        # As after a failover, or a change of address, to somebody else's database.
        admin = await asyncpg.connect(fresh_dsn)
        await admin.execute("update security.setting set value = 'clinic/PE' where name = 'place'")
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        for _ in range(4):
            with pytest.raises(Exception) as caught:  # the first ones meet the cut connections
                async with db.read() as conn:
                    await conn.fetchval("select 1")
        assert isinstance(caught.value, OtherPlaceError)
        with pytest.raises(OtherPlaceError):
            async with db.write() as tx:
                await tx.execute("select 1")
        await admin.execute("update security.setting set value = 'hospital/PE' where name = 'place'")
        await admin.close()
        async with db.read() as conn:
            assert await conn.fetchval("select 1") == 1
    finally:
        await db.close()
