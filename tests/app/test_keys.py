"""`kuska keys` on a running server, and what a lost or open key file does to a start."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from tests.app.test_cli import PATIENCE, fetched, kuska, served

from kuska.app.keyring import SERVED
from kuska.security.domain.sealing import PURPOSES

pytestmark = pytest.mark.requirement("LW-30")
PATIENT = {"resourceType": "Patient", "name": [{"family": "Quispe"}]}


def send(port: int, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/fhir/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/fhir+json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
        return answer.status, json.loads(answer.read())


def test_keys_are_rotated_under_a_running_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    master = data / "keys" / "master"
    with served(data, "--workers", "2") as (_, port):
        assert master.stat().st_mode & 0o777 == 0o600
        ids = [str(send(port, "POST", "Patient", PATIENT)[1]["id"]) for _ in range(5)]
        done = threading.Event()
        seen: list[int] = []

        def ask() -> None:
            while not done.is_set():
                for id_ in ids:
                    seen.append(send(port, "GET", f"Patient/{id_}")[0])
                    seen.append(send(port, "POST", "Patient", PATIENT)[0])

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            rotated = kuska("keys", "rotate", "--data", str(data))
            rewrapped = kuska("keys", "rewrap", "--data", str(data))
        finally:
            done.set()
            asking.join()
        assert (rotated.returncode, rewrapped.returncode) == (0, 0), rotated.stderr + rewrapped.stderr
        assert set(seen) == {200, 201}, "nobody notices a rotation"
        assert send(port, "PUT", f"Patient/{ids[0]}", PATIENT | {"id": ids[0]})[1]["meta"]["versionId"] == "1"  # type: ignore[index]
    status = kuska("keys", "status", "--data", str(data)).stdout
    assert "record           key 1  retired" in status
    assert "record           key 2  active" in status
    assert "Some bodies" not in status
    for purpose in SERVED:
        assert f"{purpose:<16} key 1  retired" in status
        assert f"{purpose:<16} key 2  active" in status
    text = master.read_text()
    assert not [line for line in text.splitlines() if not line.startswith("#") and line in status]
    master.chmod(0o644)
    refused, doctor = kuska("keys", "status", "--data", str(data)), kuska("doctor", "--data", str(data))
    assert refused.returncode == doctor.returncode == 1
    assert "chmod 600" in refused.stderr
    assert "chmod 600" in doctor.stdout
    master.unlink()
    lost = kuska("serve", "--data", str(data), KUSKA_SECURITY="off")
    assert lost.returncode == 1
    assert "Put the file back" in lost.stderr
    assert "Traceback" not in lost.stderr


def test_what_is_not_rotated_seals_nothing() -> None:
    """Rotating retires the old key: whoever begins to seal for one of these has to seal anew in `kuska keys rotate`."""
    kept = set(PURPOSES) - set(SERVED)
    assert kept == {"attachments", "secrets", "pseudonym-index"}
    sources = [
        path for path in (Path(__file__).parents[2] / "src" / "kuska").rglob("*.py") if path.name != "sealing.py"
    ]
    used = {purpose for path in sources for purpose in kept if f'"{purpose}"' in path.read_text("utf-8")}
    assert used == {"pseudonym-index"}


def test_another_key_signs_from_now_on(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    with served(tmp_path / "data", security="on") as (_, port):
        made = kuska("client", "add", *data, "--name", "Lab", "--grant", "client_credentials", "--role", "service",
                     "--scope", "system/Patient.rs")  # fmt: skip
        ask = ("token", *data, "--client-id", json.loads(made.stdout)["client_id"])
        before = kuska(*ask).stdout.strip()
        assert fetched(port, "/fhir/Patient", before) == 200
        replaced = kuska("keys", "replace-signing", *data)
        assert replaced.returncode == 0, replaced.stderr
        assert "replaced" in replaced.stdout
        assert fetched(port, "/fhir/Patient", kuska(*ask).stdout.strip()) == 200
        deadline = time.monotonic() + PATIENCE
        while fetched(port, "/fhir/Patient", before) != 401:  # the server looks twice a second
            assert time.monotonic() < deadline
            time.sleep(0.05)
    lines = kuska("audit", "export", *data, "--account", "operator").stdout
    assert '"replace"' in lines
