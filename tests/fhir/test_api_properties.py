"""Schemathesis asks the API what nobody thought of: no fault may come out, and every error is an OperationOutcome.

The application runs in a thread with a loop of its own, behind the real server; examples are few and always the same,
so that the suite stays fast. More: `SCHEMATHESIS_EXAMPLES=500 make test T=tests/fhir/test_api_properties.py`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.fhir.conftest import SETTINGS, unguarded

from kuska.fhir.api import open_record
from kuska.infra.postgres.database import Database, Limits
from kuska.infra.web.protocol import GuardedProtocol

pytestmark = [pytest.mark.requirement("HC-01"), pytest.mark.requirement("LW-20")]
_CHECKS = (not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance)
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "6"))


@pytest.fixture(scope="session")
def address(dsn: str) -> Iterator[str]:
    ready = threading.Event()
    found: dict[str, Any] = {}

    async def serve() -> None:
        db = await Database.open(dsn, Limits(read_connections=2, write_connections=2))
        app = unguarded(await open_record(db, SETTINGS))
        config = uvicorn.Config(app, http=GuardedProtocol, ws="none", lifespan="off", log_config=None, port=0)
        found["server"] = server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve())
        while not server.started:
            await asyncio.sleep(0.01)
        found["port"] = server.servers[0].sockets[0].getsockname()[1]
        ready.set()
        await task
        await db.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(20)
    yield f"http://127.0.0.1:{found['port']}/fhir"
    found["server"].should_exit = True
    thread.join(20)


@pytest.fixture(scope="session")
def described(address: str) -> Any:
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


def test_no_fault_and_outcomes_for_errors(described: Any) -> None:
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) > 30
    for operation in operations:
        _explore(operation, GenerationMode.POSITIVE)
        if operation.path != "/metadata":  # it takes nothing that could be wrong
            _explore(operation, GenerationMode.NEGATIVE)


def _explore(operation: Any, mode: GenerationMode) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def explore(case: Any) -> None:
        response = case.call()
        case.validate_response(response, checks=_CHECKS)
        if response.status_code >= 400:
            body = response.json()
            assert body["resourceType"] == "OperationOutcome"
            assert all(issue["diagnostics"] for issue in body["issue"])

    explore()
