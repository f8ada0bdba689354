"""Security as the process opens it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kuska.app.configuration import load
from kuska.app.keyring import keyring
from kuska.app.protection import protection
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SystemClock
from kuska.security.api import OPERATOR, Client, read_scopes
from kuska.security.domain.clients import ClientError

pytestmark = [pytest.mark.requirement("HC-07"), pytest.mark.requirement("HC-04")]


async def test_the_record_says_what_scopes_may_restrict_by(fresh_db: Database, fresh_dsn: str, tmp_path: Path) -> None:
    settings = load({"KUSKA_DATA": str(tmp_path), "KUSKA_DATABASE_URL": fresh_dsn})
    async with (
        keyring(settings, fresh_db) as keys,
        protection(settings, fresh_db, keys, SystemClock(), own_url="http://localhost:1") as security,
    ):
        scopes = [read_scopes(f"system/Observation.rs?{one}") for one in ("category=laboratory", "date=gt2026-01-01")]
        good, bad = [
            Client(id="", name="Lab", kind="confidential-secret", grants=("client_credentials",), scope=scope)
            for scope in scopes
        ]
        await security.oauth.clients.register(good, OPERATOR)
        with pytest.raises(ClientError):
            await security.oauth.clients.register(bad, OPERATOR)
