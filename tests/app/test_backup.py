"""A record is written out while it is used, and brought back into a new folder: all of it, its trail too, and nobody else's."""

from __future__ import annotations

import http.client
import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.app.test_auditing import noted
from tests.app.test_cli import PATIENCE, kuska, served

from kuska.infra.postgres.database import Database
from kuska.kit.clock import SystemClock
from kuska.security.api import bring_heads, heads_files, trail_verifier
from kuska.security.settings import SecuritySettings

pytestmark = [pytest.mark.requirement("LW-30"), pytest.mark.requirement("LW-31")]
CLIENT = ("--name", "Lab", "--grant", "client_credentials", "--scope", "system/*.cruds", "--role", "service")


def token(data: Path, client: str) -> str:
    issued = kuska("token", "--data", str(data), "--client-id", client)
    assert issued.returncode == 0, issued.stderr
    return issued.stdout.strip()


def ask(port: int, bearer: str, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        headers = {"content-type": "application/fhir+json", "authorization": f"Bearer {bearer}"}
        connection.request(method, f"/fhir/{path}", None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_out_of_one_folder_and_into_another(tmp_path: Path) -> None:
    old, new, kept = tmp_path / "old", tmp_path / "new", tmp_path / "kept"
    node = {"resourceType": "Patient", "name": [{"family": "Huamán", "given": ["Rosa"]}]}
    with served(old, security="on") as (_, port):
        added = kuska("client", "add", "--data", str(old), *CLIENT)
        assert added.returncode == 0, added.stderr
        client = json.loads(added.stdout)["client_id"]
        status, made = ask(port, token(old, client), "POST", "Patient", node)
        assert status == 201, made
        done = kuska("backup", "--data", str(old), str(kept))
        assert done.returncode == 0, done.stderr
        assert str(old / "keys" / "master") in done.stderr
        assert ask(port, token(old, client), "POST", "Patient", node)[0] == 201  # after the backup: not in it
    assert {file.stat().st_mode & 0o077 for file in (kept, kept / "kuska.dump")} == {0}
    assert not any(b"kuska master" in file.read_bytes() for file in kept.iterdir())

    refused = kuska("restore", "--data", str(new), str(kept))
    assert (refused.returncode, str(new / "keys" / "master") in refused.stderr) == (1, True)
    (new / "keys").mkdir(parents=True, mode=0o700)
    shutil.copy(old / "keys" / "master", new / "keys" / "master")
    back = kuska("restore", "--data", str(new), str(kept))
    assert back.returncode == 0, back.stderr

    checked = kuska("audit", "verify", "--data", str(new))
    assert checked.returncode == 0, checked.stderr
    with served(new, security="on") as (_, port):
        bearer = token(new, client)
        assert ask(port, bearer, "GET", f"Patient/{made['id']}") == (200, made)
        status, found = ask(port, bearer, "GET", "Patient?name=huaman")
        assert [entry["resource"]["id"] for entry in found["entry"]] == [made["id"]]
        status, later = ask(port, bearer, "POST", "Patient", node)
        assert (status, later["id"] == made["id"]) == (201, False)
    # What happened after it came back is in the same chain.
    assert kuska("audit", "verify", "--data", str(new)).returncode == 0


def test_what_has_to_be_said(tmp_path: Path) -> None:
    data, kept = tmp_path / "data", tmp_path / "kept"
    for command, key in (("backup", "There is no record"), ("restore", "kuska.dump")):
        done = kuska(command, "--data", str(data), str(kept))
        assert (done.returncode, key in done.stderr) == (1, True), done.stderr
        own = kuska(command, "--data", str(data), str(kept), KUSKA_DATABASE_URL="postgresql://kuska@/kuska")
        assert (own.returncode, "pg_restore" in own.stderr) == (1, True), own.stderr
    assert kuska("migrate", "--data", str(data)).returncode == 0
    kept.mkdir()
    (kept / "kuska.dump").write_bytes(b"no dump")
    taken = kuska("backup", "--data", str(data), str(kept))
    assert (taken.returncode, "is not empty" in taken.stderr) == (1, True)
    (data / "keys").mkdir(exist_ok=True)
    (data / "keys" / "master").touch(mode=0o600)
    full = kuska("restore", "--data", str(data), str(kept))
    assert (full.returncode, "already" in full.stderr) == (1, True), full.stderr


async def test_heads_come_back_with_their_links_and_no_others(fresh_db: Database, tmp_path: Path) -> None:
    """The files are copied after the database: what they say of later links would look as if somebody took those away."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    await noted(fresh_db, old)
    files = heads_files(SecuritySettings(), old)
    later = {"link": 99, "day": "2026-11-21", "hash": "00" * 32, "made": "2026-11-21T10:00:00+00:00", "closes": False}
    for file in files:
        with file.open("a", encoding="ascii") as lines:
            lines.write(json.dumps(later) + '\n{"link": 1, "da')
    await bring_heads(fresh_db, SecuritySettings(), new, old)
    report = await trail_verifier(fresh_db, SecuritySettings(), SystemClock(), new).verify()
    assert report.good
    assert report.heads > 0
    assert not (await trail_verifier(fresh_db, SecuritySettings(), SystemClock(), old).verify()).good
    # Heads that lie apart stay where they are.
    assert heads_files(SecuritySettings(audit_heads=str(tmp_path / "elsewhere")), new) == []
