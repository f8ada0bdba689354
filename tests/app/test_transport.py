"""How `kuska serve` may be reached: by https, behind named proxies, or from this machine only."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.app.test_cli import KUSKA, PATIENCE, free_port, kuska
from tests.infra.web.certificates import Authority

from kuska.app.cli import _check_transport
from kuska.app.configuration import SettingsError, StartError, load

pytestmark = pytest.mark.requirement("LW-30")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "record.example.org"])
def test_nothing_readable_crosses_the_network(host: str) -> None:
    with pytest.raises(StartError) as caught:
        _check_transport(load({"KUSKA_HOST": host}))
    assert caught.value.issues[0].message == "serve.no-tls"


@pytest.mark.parametrize(
    "environment",
    [
        {"KUSKA_HOST": "127.0.0.1"},
        {"KUSKA_HOST": "::1"},
        {
            "KUSKA_HOST": "0.0.0.0",
            "KUSKA_HTTP_BEHIND_PROXY": "10.0.0.5, 10.1.0.0/16",
            "KUSKA_SECURITY_PUBLIC_URL": "https://record.example.org",
        },
        {"KUSKA_SECURITY_PUBLIC_URL": "http://localhost:8080"},
        {"KUSKA_SECURITY_PUBLIC_URL": "http://[::1]:8080"},
        {"KUSKA_SECURITY": "off", "KUSKA_HTTP_BEHIND_PROXY": "10.0.0.5"},
    ],
)
def test_what_may_be_plain(environment: dict[str, str]) -> None:
    _check_transport(load(environment))


@pytest.mark.parametrize(
    "environment",
    [
        {"KUSKA_SECURITY_PUBLIC_URL": "http://record.example.org"},
        {"KUSKA_HTTP_BEHIND_PROXY": "10.0.0.5"},
        {"KUSKA_HTTP_BEHIND_PROXY": "10.0.0.5", "KUSKA_SECURITY_PUBLIC_URL": "http://record.example.org"},
    ],
)
def test_cookies_are_never_without_their_marks_on_a_network(environment: dict[str, str]) -> None:
    """Whether they are marked Secure follows from the public address."""
    with pytest.raises(StartError) as caught:
        _check_transport(load(environment))
    assert caught.value.issues[0].message == "serve.public-url"


@pytest.mark.parametrize("proxies", ["*", "proxy.local", "0.0.0.0/0", "::/0"])
def test_not_everybody_is_a_proxy(proxies: str) -> None:
    with pytest.raises(SettingsError):
        load({"KUSKA_HTTP_BEHIND_PROXY": proxies})


def test_half_of_tls_is_none(tmp_path: Path) -> None:
    pair = Authority(tmp_path).sign("server")
    for given in ("KUSKA_HTTP_TLS_CERTIFICATE", "KUSKA_HTTP_TLS_KEY", "KUSKA_HTTP_TLS_CLIENT_CA"):
        with pytest.raises(StartError) as caught:
            _check_transport(load({given: str(pair.certificate)}))
        assert caught.value.issues[0].message == "serve.tls-half"


def test_a_certificate_that_is_wrong_stops_the_start_with_a_reason(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    done = kuska(
        "serve",
        KUSKA_SECURITY="off",
        KUSKA_HTTP_TLS_CERTIFICATE=str(authority.sign("one").certificate),
        KUSKA_HTTP_TLS_KEY=str(authority.sign("two").key),
    )
    assert done.returncode == 1
    assert "the key belongs to the certificate" in done.stderr
    assert "Traceback" not in done.stderr


def test_https_by_several_processes_with_client_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, laboratory = authority.sign("server"), authority.sign("laboratory")
    port = free_port()
    process = subprocess.Popen(
        [*KUSKA, "serve", "--data", str(tmp_path / "data"), "--port", str(port), "--workers", "2"],
        env=os.environ
        | {
            "KUSKA_SECURITY": "off",
            "KUSKA_HTTP_TLS_CERTIFICATE": str(server.certificate),
            "KUSKA_HTTP_TLS_KEY": str(server.key),
            "KUSKA_HTTP_TLS_CLIENT_CA": str(authority.file),
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    anybody = ssl.create_default_context(cafile=str(authority.file))
    known = ssl.create_default_context(cafile=str(authority.file))
    known.load_cert_chain(laboratory.certificate, laboratory.key)

    def get(path: str, context: ssl.SSLContext) -> tuple[int, bytes]:
        with closing(http.client.HTTPSConnection("localhost", port, timeout=PATIENCE, context=context)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()

    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            with suppress(OSError):
                if get("/readyz", known)[0] == 200:
                    break
            time.sleep(0.05)
        status, body = get("/fhir/metadata", known)
        assert (status, json.loads(body)["resourceType"]) == (200, "CapabilityStatement")
        with pytest.raises(OSError):
            get("/readyz", anybody)
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=PATIENCE)[1]
    assert f"https://localhost:{port}" in said
