"""Where the server says it is: at its public address, whatever host a client says it asked."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from kuska.app.configuration import load
from kuska.app.wiring import addressed, application

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("LW-33")]


async def test_the_host_header_decides_nothing(fresh_dsn: str, tmp_path: Path) -> None:
    public = {"KUSKA_SECURITY_PUBLIC_URL": "https://record.example.org"}
    settings = load({"KUSKA_DATA": str(tmp_path), "KUSKA_DATABASE_URL": fresh_dsn, **public})
    async with (
        application(settings, 1) as frame,
        httpx.AsyncClient(transport=httpx.ASGITransport(frame), base_url="http://evil.example") as client,
    ):
        for path in ("/fhir/metadata", "/fhir/openapi.json"):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert "evil" not in answer.text
            assert "https://record.example.org/" in answer.text


async def test_a_base_that_was_given_stays(tmp_path: Path) -> None:
    own = {"KUSKA_DATA": str(tmp_path), "KUSKA_SECURITY_PUBLIC_URL": "https://a.example"}
    assert addressed(load(own)).base_url == "https://a.example/fhir"
    assert addressed(load({**own, "KUSKA_FHIR_BASE_URL": "https://b.example/r4"})).base_url == "https://b.example/r4"
