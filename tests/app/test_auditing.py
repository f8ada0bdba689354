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
from kuska.security.api import Caller, Event, account_id, open_trail
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
    assert "1 events" in said
    status, out, said = await kuska(fresh_dsn, tmp_path, "export", "--account", "nobody", "--form", "csv")
    assert (status, len(out.splitlines()), "0 events" in said) == (0, 1, True), said
    conn = await asyncpg.connect(fresh_dsn)
    await conn.execute("update security.event set account = 'somebody-else' where id = $1", ids[1])
    await conn.close()
    status, _, said = await kuska(fresh_dsn, tmp_path, "verify", "--from", "2026-01-01")
    assert status == TAMPERED
    assert ids[1] in said
    assert "NOT as it was written" in said


async def test_who_is_named_by_login_too(fresh_db: Database) -> None:
    settings = SecuritySettings()
    async with fresh_db.write() as tx:
        await tx.execute(
            "insert into security.account (id, kind, tenant, login, display_name, status, country, roles, language, created,"
            " updated) values ('a1', 'person', 'demo', 'medica', 'M', 'active', 'PE', '{}', 'es', now(), now())"
        )
    assert await account_id(fresh_db, settings, "Medica") == "a1"
    for id_ in ("a1", "client-7"):
        assert await account_id(fresh_db, settings, id_) == id_


def test_who_reads_only_the_beginning_is_told_nothing() -> None:
    """`kuska audit export | head`."""
    script = "import sys; from kuska.app import cli; cli._doctor = lambda *_: print('x' * 200_000) or 0; sys.exit(cli.main(['doctor']))"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
