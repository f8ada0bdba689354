from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from kuska.infra.telemetry import logs

pytestmark = pytest.mark.requirement("LW-28")

SECRET = "Rosa Huamán"


@pytest.fixture
def _logging() -> Iterator[None]:
    """The suite's own handlers are put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_logging")
@pytest.mark.parametrize("name", ["fhir", "uvicorn.error"])
def test_an_exception_is_logged_as_its_places_without_its_words(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    log = logging.getLogger(name) if name.startswith("uvicorn") else logs.logger(name)
    try:
        raise ValueError(SECRET)
    except ValueError:
        log.exception("unexpected")
    said = capsys.readouterr().err
    assert SECRET not in said
    line = json.loads(said)
    assert line["exception"] == "ValueError"
    assert line["places"][-1].startswith("test_logs.py:")


@pytest.mark.usefixtures("_logging")
def test_uvicorns_access_log_with_its_query_strings_is_off(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("debug")
    logging.getLogger("uvicorn.access").info("GET /fhir/Patient?name=%s", SECRET)
    assert SECRET not in capsys.readouterr().err
