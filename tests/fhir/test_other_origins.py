"""With security off, a page of another site gets nothing out of the record; no request is ever echoed."""

from __future__ import annotations

import httpx
import pytest

pytestmark = pytest.mark.requirement("AP-10")


@pytest.mark.parametrize("path", ["metadata", "Patient", "Patient/x", "nonsense"])
async def test_no_other_origin_reads_the_record(client: httpx.AsyncClient, path: str) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "GET"}
    for method in ("GET", "OPTIONS"):
        answer = await client.request(method, path, headers=asked)
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("path", ["metadata", "Patient", "Patient/x", "nonsense"])
async def test_a_browser_makes_nothing_of_an_answer(client: httpx.AsyncClient, scheme: str, path: str) -> None:
    headers = (await client.get(f"{scheme}://localhost/fhir/{path}")).headers
    policy = headers["content-security-policy"]
    for forbidden in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert f"{forbidden} 'none'" in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    # Said over plain http it would mean nothing (RFC 6797), and plain http is for localhost.
    said = headers.get("strict-transport-security")
    assert said == (None if scheme == "http" else "max-age=31536000; includeSubDomains")


async def test_a_request_is_not_echoed(client: httpx.AsyncClient) -> None:
    answer = await client.request("TRACE", "Patient", headers={"authorization": "Bearer secret"})
    assert answer.status_code == 405
    assert "secret" not in answer.text
