from __future__ import annotations

import logging
from typing import Any

import pytest

from kuska.app.frame import ROUTE, Frame
from kuska.infra.telemetry.metrics import HttpMetrics

SECRET = "Huamán"


def frame(fhir: Any, metrics: HttpMetrics | None = None, *, loopback_only: bool = True) -> Frame:
    async def site(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 200, b"site")

    return Frame(fhir=fhir, site=site, metrics=metrics or HttpMetrics(), slow_seconds=0, loopback_only=loopback_only)


async def answer(send: Any, status: int, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def call(
    app: Frame, path: str, host: bytes = b"localhost:8080", method: str = "GET", query: bytes = b"name=x"
) -> tuple[int, bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "method": method, "path": path, "headers": [(b"host", host)], "query_string": query}
    await app(scope, receive, send)
    return sent[0]["status"], sent[-1]["body"]


async def fhir(scope: Any, receive: Any, send: Any) -> None:
    scope[ROUTE] = "read"
    await answer(send, 200, b"fhir")


async def silent(scope: Any, receive: Any, send: Any) -> None:
    await answer(send, 200, b"")


async def broken(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError(SECRET)


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/fhir", b"fhir"),
        ("/fhir/Patient", b"fhir"),
        ("/fhirx", b"site"),
        ("/", b"site"),
        ("/fhir/.well-known/smart-configuration", b"site"),
        ("/fhir/.well-known/other", b"fhir"),
    ],
)
async def test_each_path_has_its_place(path: str, where: bytes) -> None:
    assert await call(frame(fhir), path) == (200, where)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"localhost", 200),
        (b"LOCALHOST:80", 200),
        (b"127.0.0.1:1", 200),
        (b"[::1]:80", 200),
        (b"[::1]", 200),
        (b"evil.example", 421),
        (b"localhost.evil.example:8080", 421),
        (b"127.0.0.1.evil.example", 421),
    ],
)
async def test_without_security_only_loopback_names_are_answered(host: bytes, status: int) -> None:
    assert (await call(frame(fhir), "/fhir/Patient", host))[0] == status


@pytest.mark.requirement("LW-33")
async def test_nul_reaches_no_page() -> None:
    assert (await call(frame(fhir), "/paciente/\0"))[0] == 400
    assert (await call(frame(fhir), "/auditoria", query=b"patient=%00"))[0] == 400
    assert (await call(frame(fhir), "/auditoria", query=b"patient=0"))[0] == 200
    assert (await call(frame(fhir), "/fhir/Patient", query=b"_id=%00")) == (200, b"fhir")  # it refuses that itself


async def test_with_security_every_name_is_answered() -> None:
    assert (await call(frame(fhir, loopback_only=False), "/fhir/Patient", b"record.example.org"))[0] == 200


async def test_requests_are_counted_by_route_without_ids() -> None:
    metrics = HttpMetrics()
    app = frame(fhir, metrics)
    await call(app, "/fhir/Patient/12345")
    text = metrics.render().decode()
    assert 'kuska_http_requests_total{method="GET",route="read",status="200"} 1.0' in text
    assert "12345" not in text


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/fhir", "fhir system"),
        ("/fhir/Patient", "fhir type"),
        ("/fhir/Patient/12345", "fhir instance"),
        ("/fhir/Patient/12345/$everything", "fhir instance operation"),
        ("/fhir/Patient/_search", "fhir type operation"),
        ("/fhir/Patient/12345/_history/1", "fhir version"),
    ],
)
async def test_a_route_nobody_named_follows_from_the_shape_of_the_path(path: str, route: str) -> None:
    metrics = HttpMetrics()
    await call(frame(silent, metrics), path)
    assert f'route="{route}"' in metrics.render().decode()


async def test_an_unexpected_error_is_answered_and_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        status, body = await call(frame(broken), "/fhir/Patient/12345")
    assert status == 500
    assert SECRET.encode() not in body
    assert "12345" not in caplog.text
