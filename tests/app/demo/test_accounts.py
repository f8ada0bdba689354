"""The demo has somebody of every role, with passwords of its own that stay the same from start to start."""

from __future__ import annotations

from pathlib import Path

import pytest

from kuska.app.configuration import load
from kuska.app.demo.accounts import FILE, seed_accounts
from kuska.app.keyring import keyring
from kuska.app.protection import protection
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SystemClock

pytestmark = pytest.mark.requirement("HC-04")


async def test_everybody_can_sign_in_and_nobody_is_made_twice(
    fresh_db: Database, fresh_dsn: str, tmp_path: Path
) -> None:
    settings = load({"KUSKA_DATA": str(tmp_path), "KUSKA_DATABASE_URL": fresh_dsn})
    async with (
        keyring(settings, fresh_db) as keys,
        protection(settings, fresh_db, keys, SystemClock(), own_url="http://localhost:1") as security,
    ):
        first = await seed_accounts(security, tmp_path, 1, 5)
        again = await seed_accounts(security, tmp_path, 1, 5)
        assert first == again
        assert {account.role for account in first} == {
            "patient", "physician", "coordinator", "admissions", "results", "integrator", "steward", "auditor",
            "administrator",
        }  # fmt: skip
        assert len({account.password for account in first}) == len(first)
        for account in first:
            done = await security.accounts.sign_in(account.login, account.password, "127.0.0.1", "test")
            assert done.needs_factor == (account.role != "patient")
        patient = await security.accounts.by_login("paciente")
        physician = await security.accounts.by_login("medica")
    assert patient is not None
    assert patient.patient
    assert physician is not None
    assert physician.practitioner
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
