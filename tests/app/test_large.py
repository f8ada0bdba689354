"""One very large request on a real server: the others are answered all the while, and its memory goes when it has gone."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.app.test_cli import PATIENCE, kuska, served

pytestmark = [pytest.mark.requirement("LW-20"), pytest.mark.requirement("HC-01")]


def questionnaire(items: int) -> dict[str, Any]:
    item = [{"linkId": f"item-{place}", "text": f"Pregunta {place}", "type": "string"} for place in range(items)]
    return {"resourceType": "Questionnaire", "status": "active", "item": item}


def post(port: int, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("POST", path, body, {"content-type": "application/fhir+json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def children(pid: int) -> list[int]:
    """That are the annex."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [int(child) for child in below if b"kuska.app.annex" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_others_are_answered_while_a_large_body_is_checked(tmp_path: Path) -> None:
    entry = {"resource": questionnaire(12_000), "request": {"method": "POST", "url": "Questionnaire"}}
    large = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry] * 8}).encode()
    got: list[tuple[int, dict[str, Any]]] = []
    with served(tmp_path / "data") as (process, port):
        status, made = post(port, "/fhir/Patient", b'{"resourceType":"Patient","gender":"female"}')
        assert status == 201
        assert not children(process.pid)
        # The annex is up before it counts: starting it would leave the others alone in any case.
        assert post(port, "/fhir", large)[0] == 200
        assert len(children(process.pid)) == 1
        sending = threading.Thread(target=lambda: got.append(post(port, "/fhir", large)))
        others = 0
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
            sending.start()
            while sending.is_alive():
                connection.request("GET", f"/fhir/Patient/{made['id']}")
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200
                others += 1
        [(status, answered)] = got
        assert status == 200, answered
        assert {entry["response"]["status"] for entry in answered["entry"]} == {"201 Created"}
        # In the loop there was an answer between two entries at most, in a thread one for every few milliseconds lost.
        assert others > 100
        [annex] = children(process.pid)
    assert not Path(f"/proc/{annex}").exists()  # it ended with the server


def test_a_refused_large_body_says_why(tmp_path: Path) -> None:
    with served(tmp_path / "data") as (_, port):
        status, outcome = post(port, "/fhir/Questionnaire", json.dumps(questionnaire(6000) | {"status": "x"}).encode())
        assert (status, outcome["resourceType"]) == (422, "OperationOutcome")
        status, outcome = post(port, "/fhir/Questionnaire", json.dumps(questionnaire(60_000)).encode())
        assert (status, outcome["resourceType"]) == (413, "OperationOutcome")


def test_who_asks_is_judged_and_noted_there_as_here(tmp_path: Path) -> None:
    """With security: the same token, the same role, one line in the trail, and that in the chain."""
    data = tmp_path / "data"
    where = ("--data", str(data))
    photo = [{"contentType": "image/png", "data": "A" * 400_000}]
    with served(data, security="on") as (process, port):
        tokens: dict[str, str] = {}
        for scope in ("system/Patient.cu", "system/Patient.r"):
            added = kuska("client", "add", *where, "--name", "x", "--grant", "client_credentials", "--scope", scope,
                          "--role", "service")  # fmt: skip
            assert added.returncode == 0, added.stderr
            issued = kuska("token", *where, "--client-id", json.loads(added.stdout)["client_id"])
            tokens[scope] = issued.stdout.strip()

        def put(bearer: str) -> int:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
                node = {"resourceType": "Patient", "id": "large", "photo": photo}
                headers = {"content-type": "application/fhir+json", "authorization": f"Bearer {bearer}"}
                connection.request("PUT", "/fhir/Patient/large", json.dumps(node), headers)
                answer = connection.getresponse()
                answer.read()
                return answer.status

        assert put("nobody") == 401
        assert put(tokens["system/Patient.r"]) == 403
        assert not children(process.pid)  # who is not let in starts nothing
        assert put(tokens["system/Patient.cu"]) == 201
        [annex] = children(process.pid)
        process.kill()
        process.wait(timeout=PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while Path(f"/proc/{annex}").exists():  # nobody is left whom it could answer
            assert time.monotonic() < deadline
            time.sleep(0.05)
    exported = kuska("audit", "export", *where, "--patient", "large")
    lines = [json.loads(line) for line in exported.stdout.splitlines()]
    done = [line for line in lines if line["outcome"] == "0"]
    assert [line["action"] for line in done] == ["U"]
    assert kuska("audit", "verify", *where).returncode == 0
