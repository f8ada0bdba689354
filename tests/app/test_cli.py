"""The command line as a person meets it: `kuska` in a process of its own, on a data folder of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.infra.postgres.life import postmaster

from kuska.app.cli import main
from kuska.app.listening import listen

# Ends what would hang, on the slowest machine too; nothing is proved by it.
PATIENCE = 120.0
KUSKA = [sys.executable, "-c", "import sys; from kuska.app.cli import main; sys.exit(main())"]


def kuska(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KUSKA_")}
    return subprocess.run(
        [*KUSKA, *arguments], env=clean | environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


def free_port() -> int:
    with listen("127.0.0.1", 0) as sock:
        return int(sock.getsockname()[1])


def get(port: int, path: str, host: str = "localhost") -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read()


@contextmanager
def served(data: Path, *options: str, security: str = "off") -> Iterator[tuple[subprocess.Popen[str], int]]:
    """What it says goes to a file, because a pipe that nobody reads stops it when it is full."""
    port = free_port()
    with tempfile.TemporaryFile("a+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*KUSKA, "serve", "--data", str(data), "--port", str(port), *options],
            env=os.environ | {"KUSKA_SECURITY": security},
            stderr=log,
            text=True,
        )
        process.stderr = log
        try:
            deadline = time.monotonic() + PATIENCE
            while not ready(port):
                assert process.poll() is None, said(process)
                assert time.monotonic() < deadline, said(process)
                time.sleep(0.02)
            yield process, port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=PATIENCE)


def ready(port: int) -> bool:
    try:
        return get(port, "/readyz")[0] == 200
    except OSError:
        return False


def said(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    process.stderr.seek(0)
    return process.stderr.read()


@pytest.mark.requirement("HC-04")
def test_with_security_the_record_is_closed_to_strangers(tmp_path: Path) -> None:
    """The default. Open is only what has to be: health, how to sign in, what the record can do."""
    with served(tmp_path / "data", security="on") as (_, port):
        for path in (
            "/fhir/Patient",
            "/fhir/Patient/1",
            "/fhir/_history",
            "/fhir/Patient/1/$everything",
            "/paciente/1",
        ):
            assert get(port, path)[0] == 401, path
        counted = get(port, "/metrics")[1]
        assert b'kuska_security_refused_total{reason="token"} 4.0' in counted
        assert b'kuska_security_refused_total{reason="sign-in"} 0.0' in counted, "an alarm sees the first one"
        for path in ("/", "/login", "/readyz", "/fhir/metadata", "/.well-known/openid-configuration", "/oauth/jwks"):
            assert get(port, path)[0] == 200, path
        status, body = get(port, "/fhir/.well-known/smart-configuration")
        assert status == 200
        assert b"launch-standalone" in body
        for path in ("/cuenta", "/admin/cuentas", "/auditoria", "/urgencia"):
            assert get(port, path)[0] in (302, 303, 401), path


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_security_off_is_for_this_machine_only(host: str) -> None:
    done = kuska("serve", "--host", host, KUSKA_SECURITY="off", LANG="es_PE.UTF-8")
    assert done.returncode == 1
    assert "solo es posible en una dirección local" in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("KUSKA_DATABASE_URL", "nonsense", "postgresql://user:password@host"),
        ("KUSKA_PORT", "99999", "from 0 to 65535"),
        ("KUSKA_WORKERS", "0", "from 1 to 256"),
        ("KUSKA_FHIR_HISTORY_COUNT", "-5", "from 1 to"),
    ],
)
def test_a_setting_that_makes_no_sense_stops_the_start(name: str, value: str, allowed: str) -> None:
    done = kuska("serve", **{"KUSKA_SECURITY": "off", name: value})
    assert done.returncode == 2
    assert name in done.stderr
    assert allowed in done.stderr
    assert "Traceback" not in done.stderr


def test_a_token_is_somebodys(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUSKA_SECURITY", raising=False)
    assert main(["token"]) == 1
    assert main(["token", "--user", "x", "--client-id", "y"]) == 1
    assert main(["client", "withdraw"]) == 1
    monkeypatch.setenv("KUSKA_SECURITY", "off")
    assert main(["token", "--user", "x"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "--client-id" in said.err
    assert "no token is needed" in said.err


@pytest.mark.requirement("HC-04")
@pytest.mark.requirement("LW-16")
def test_a_client_its_token_and_its_end(tmp_path: Path) -> None:
    """From the command line to the record and out again."""
    with served(tmp_path / "data", security="on") as (_, port):
        where = ("--data", str(tmp_path / "data"), "--port", str(port))

        def ok(*arguments: str) -> str:
            done = kuska(arguments[0], *where, *arguments[1:])
            assert done.returncode == 0, done.stderr
            return done.stdout.strip()

        add = ("client", "add", "--name", "Lab", "--grant", "client_credentials", "--scope", "system/Patient.rs",
               "--role", "partner", "--organization", "org-1", "--id", "lab-1")  # fmt: skip
        first = json.loads(ok(*add))
        again = kuska(add[0], *where, *add[1:])
        assert (again.returncode, again.stdout) == (1, "")
        assert "--replace" in again.stderr
        client = json.loads(ok(*add, "--replace"))
        assert client["client_id"] == first["client_id"]
        assert client["client_secret"] != first["client_secret"]
        token = ok("token", "--client-id", client["client_id"])
        assert fetched(port, "/fhir/Patient", token) == 200
        assert fetched(port, "/fhir/Observation", token) == 403
        assert fetched(port, "/fhir/Patient", token[:-4] + "AAAA") == 401
        assert fetched(port, "/fhir/Patient", "") == 401
        listed = ok("client", "list")
        assert client["client_id"] in listed
        assert client["client_secret"] not in listed
        ok("client", "withdraw", "--id", client["client_id"])
        deadline = time.monotonic() + PATIENCE
        while fetched(port, "/fhir/Patient", token) != 401:  # the server looks twice a second
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert kuska("token", *where, "--client-id", client["client_id"]).returncode == 1


def fetched(port: int, path: str, token: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        headers = {"Host": "localhost", **({"Authorization": f"Bearer {token}"} if token else {})}
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        done = kuska(
            "serve", "--data", str(tmp_path / "d"), "--port", str(taken.getsockname()[1]), KUSKA_SECURITY="off"
        )
    assert done.returncode == 1
    assert "--port" in done.stderr


def test_migrate_and_doctor_on_a_new_folder(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    first, second = kuska("migrate", "--data", data), kuska("migrate", "--data", data)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "migrations applied" in first.stderr
    assert "up to date" in second.stderr
    found = kuska("doctor", "--data", data, KUSKA_SECURITY="off")
    assert found.returncode == 0, found.stdout
    assert "durable" in found.stdout
    assert "BAD" not in found.stdout


@pytest.mark.requirement("HC-01", "LW-35")
def test_serving_in_one_process_and_in_several(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with served(data) as (process, port):
        assert get(port, "/healthz") == (200, b'{"status":"ok"}')
        assert get(port, "/fhir/metadata")[0] == 200
        assert b"kuska_http_requests_total" in get(port, "/metrics")[1]
        assert get(port, "/fhir/metadata", host="evil.example")[0] == 421
        # A second process on the same folder shares the server.
        with served(data, "--workers", "2") as (_, other):
            assert get(other, "/readyz")[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0
        assert "SECURITY IS OFF" in said(process)


def workers(supervisor: int) -> list[int]:
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return [int(pid) for pid in children if b"kuska.app.worker" in command(pid)]


def command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended since it was listed
        return b""


def asked(port: int, path: str) -> int:
    """How often, as /metrics says."""
    text = get(port, "/metrics")[1].decode()
    return sum(
        int(float(line.split()[-1]))
        for line in text.splitlines()
        if f'_requests_total{{method="GET",route="{path}"' in line
    )


def test_metrics_of_several_processes_never_go_back(tmp_path: Path) -> None:
    with served(tmp_path / "data", "--workers", "2") as (process, port):
        before = asked(port, "/healthz")
        deadline = time.monotonic() + PATIENCE
        for count in range(1, 21):
            get(port, "/healthz")
            # Counted after the answer has left, maybe in the other process: soon, not at once.
            while (found := asked(port, "/healthz")) != before + count:
                assert found == before + count - 1
                assert time.monotonic() < deadline
        os.kill(workers(process.pid)[0], signal.SIGKILL)
        seen: list[int] = []
        deadline = time.monotonic() + PATIENCE
        while not (seen and len(workers(process.pid)) == 2):
            assert time.monotonic() < deadline
            with contextlib.suppress(OSError, http.client.HTTPException):  # what the killed one had accepted
                seen.append(asked(port, "/healthz"))
        assert set(seen) == {before + 20}


def test_kill_9_of_postgresql_under_a_running_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with served(data) as (_, port):
        os.kill(postmaster(data), signal.SIGKILL)
        seen: list[int] = []
        deadline = time.monotonic() + PATIENCE
        while seen[-3:] != [200] * 3:
            assert time.monotonic() < deadline, seen
            seen.append(get(port, "/fhir/Patient?_summary=count")[0])
            time.sleep(0.02)
        assert set(seen) <= {200, 503}, "unreachable is said as 503, and passes by itself"


def test_kill_9_of_the_process_leaves_a_folder_that_starts_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with served(data) as (process, _):
        process.kill()
        process.wait()
    with served(data) as (_, port):
        status, body = get(port, "/fhir/Patient?_summary=count")
    assert status == 200
    assert json.loads(body)["total"] == 0
