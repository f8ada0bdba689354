"""`kuska audit`, on a database that somebody has changed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from kuska.app.auditing import TAMPERED
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SystemClock
from kuska.security.api import Caller, Event, open_trail
from kuska.security.settings import SecuritySettings
from kuska.security.visit import event_id

KUSKA = [sys.executable, "-c", "import sys; from kuska.app.cli import main; sys.exit(main())"]

pytestmark = pytest.mark.requirement("LW-31")


async def noted(db: Database, folder: Path) -> list[str]:
    ids: list[str] = []
    async with open_trail(db, SecuritySettings(), SystemClock(), folder) as trail:
        for patient in ("p1", "p2"):
            event = Event(
                id=event_id(),
                at=SystemClock().now(),
                action="R",
                kind="rest",
                caller=Caller(kind="person", account="a1"),
                patients=(patient,),
            )
            await trail.keep(event)
            ids.append(event.id)
        async with asyncio.timeout(20):
            while (await trail.verifying.verify()).events < 2:
                await asyncio.sleep(0.01)
    return ids


async def kuska(dsn: str, folder: Path, *arguments: str) -> tuple[int, str, str]:
    environment = os.environ | {"KUSKA_DATABASE_URL": dsn, "KUSKA_DATA": str(folder), "LC_ALL": "C"}
    done = await asyncio.to_thread(
        subprocess.run,
        [*KUSKA, "audit", *arguments],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


async def test_verify_names_what_was_changed_and_export_says_what_is_there(
    fresh_db: Database, fresh_dsn: str, tmp_path: Path
) -> None:
    ids = await noted(fresh_db, tmp_path)
    status, _, said = await kuska(fresh_dsn, tmp_path, "verify")
    assert (status, "as it was written" in said) == (0, True), said
    status, out, said = await kuska(fresh_dsn, tmp_path, "export", "--patient", "p2", "--to", "2999-01-01")
    assert status == 0, said
    assert [json.loads(line)["id"] for line in out.splitlines()] == [ids[1]]
    conn = await asyncpg.connect(fresh_dsn)
    await conn.execute("update security.event set account = 'somebody-else' where id = $1", ids[1])
    await conn.close()
    status, _, said = await kuska(fresh_dsn, tmp_path, "verify", "--from", "2026-01-01")
    assert status == TAMPERED
    assert ids[1] in said
    assert "NOT as it was written" in said
