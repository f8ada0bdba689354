"""What must not come out of the log, whatever way it got in. All people and notes here are invented."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.infra.telemetry import logs
from kuska.infra.telemetry.redaction import masked, redact

pytestmark = pytest.mark.requirement("LW-28")

NOTES = (
    "Paciente ROSA HUAMÁN QUISPE, DNI 45678912, de 54 años, con adenocarcinoma de pulmón cT2aN1M0. Refiere disnea.",
    "Se conversa con la Sra. Carmen Mamani de la Cruz (hija) al 987 654 321; VIH positivo en control. Nac. 12/03/1961.",
    "RUN 12.345.678-5, Juan Pérez González, nacido el 12 de marzo de 1961, correo juan.perez@example.cl, fono +56 9 8765 4321",
    "Informe: nódulo espiculado de 18 mm en LSD. Dra. Ñahui recomienda biopsia. Contacto CE 001234567.",
    "familiar refiere hemoptisis hace tres días, niega fiebre; antecedente de tuberculosis tratada en 2011",
)
SECRETS = (
    "HUAMÁN", "Huamán", "QUISPE", "45678912", "adenocarcinoma", "Carmen", "Mamani", "Cruz", "987 654 321", "VIH", "12/03/1961",
    "12.345.678", "Juan", "Pérez", "1961", "juan.perez", "8765", "espiculado", "Ñahui", "001234567", "hemoptisis", "tuberculosis",
)  # fmt: skip
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


@pytest.fixture
def said() -> Iterator[Callable[[], str]]:
    """What comes out of the log as it is configured for the server."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.configure("debug")
    out = io.StringIO()
    cast("logging.StreamHandler[io.StringIO]", root.handlers[0]).setStream(out)
    yield out.getvalue
    root.handlers = handlers
    root.setLevel(level)


def clean(text: str) -> None:
    assert text
    assert not [secret for secret in SECRETS if secret in text], text


@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("name", ["fhir", "security"])
def test_a_note_in_our_own_log_comes_out_nowhere(said: Callable[[], str], name: str, note: str) -> None:
    log = logs.logger(name)
    log.warning(note)
    log.warning("unexpected", note=note)
    log.warning("unexpected", some_key=note)
    log.warning("unexpected", nested={"resource": {"text": {"div": note}}, "list": [note, {"x": note}]})
    log.warning("unexpected", resource=ValueError(note), raw=note.encode())
    clean(said())


@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("name", ["uvicorn.error", "asyncpg", "asyncio", "botocore", "httpx"])
def test_nor_in_what_other_libraries_say(said: Callable[[], str], name: str, note: str) -> None:
    log = logging.getLogger(name)
    log.error("could not handle %s for %s", note, 45678912)
    log.error("could not handle %(what)s", {"what": note})
    # As some libraries do.
    log.error(f"ValueError({note!r})")  # noqa: G004
    log.error(f'duplicate key value violates "patient_pkey"\nDETAIL:  Key (name)=({note}) already exists.')  # noqa: G004
    try:
        raise ValueError(note)
    except ValueError:
        log.exception("failed", stack_info=True)
    clean(said())


async def test_an_exception_that_nobody_awaited(said: Callable[[], str]) -> None:
    async def fail() -> None:
        raise ValueError(NOTES[0])

    task = asyncio.ensure_future(fail())
    await asyncio.wait([task])
    asyncio.get_running_loop().call_exception_handler(
        {"message": "Task exception was never retrieved", "exception": task.exception(), "task": task}
    )
    text = said()
    clean(text)
    assert "never retrieved" in text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("GET /fhir/Patient/0000-45", "GET /fhir/Patient/[id]"),
        ("GET /fhir/Patient?family=Rojas&birthdate=1961-01-01", "GET /fhir/Patient?[query]"),
        ("Authorization: Bearer abc.def", "[credentials]"),
        ("Cookie: kuska=abc", "[credentials]"),
        (f"refused {JWT}", "refused [token]"),
        ("mail to rosa.h+x@example.pe failed", "mail to [mail] failed"),
        ("postgresql://kuska:hunter2@db/kuska", "postgresql://[credentials]db/kuska"),
        ("dni 45678912-3", "dni [number]"),
        ("RUN 7.654.321-K", "RUN [number]"),
        ("tel (01) 234-5678", "tel [number]"),
        ("born 1961-03-12", "born [date]"),
        ("el 3 de abril de 1970", "el [date]"),
        ("urn:uuid:0b5c0d3e-8c1f-4a51-9e0e-2f2d6d1c9a11", "urn:uuid:[id]"),
        ("Rosa Huamán de la Cruz llamó", "[name] llamó"),
    ],
)
def test_patterns(given: str, expected: str) -> None:
    assert masked(given) == expected


def test_what_an_operator_needs_is_still_there(said: Callable[[], str]) -> None:
    log = logs.logger("trail")
    log.warning(
        "events stay in the journal until the next start",
        bytes=123_456_789,
        waiting=12,
        problem="database.connection-lost",
        route="fhir type",
        request="0199a3c2-7f1e-7abc-8def-0123456789ab",
        seconds=1.25,
        ok=True,
    )
    logging.getLogger("uvicorn.error").warning("Waited %d seconds on port %d of %s", 20, 8080, "somebody")
    ours, theirs = (json.loads(line) for line in said().splitlines())
    assert ours.pop("timestamp")
    assert ours == {
        "event": "events stay in the journal until the next start",
        "level": "warning",
        "bytes": 123_456_789,
        "waiting": 12,
        "problem": "database.connection-lost",
        "route": "fhir type",
        "request": "0199a3c2-7f1e-7abc-8def-0123456789ab",
        "seconds": 1.25,
        "ok": True,
    }
    assert theirs["event"] == "Waited 20 seconds on port 8080 of [masked]"


@pytest.mark.parametrize(
    "key", ["family", "patient_name", "dni", "birthdate", "password", "set_cookie", "authorization"]
)
def test_keys_that_are_somebodys(key: str) -> None:
    assert redact(None, "", {"event": "x", "_from_structlog": True, key: "Rosa"})[key] == "[masked]"


def test_numbers_that_are_documents() -> None:
    event = redact(None, "", {"event": "x", "_from_structlog": True, "who": 45678912, "status": 404})
    assert (event["who"], event["status"]) == ("[number]", 404)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(min_size=1), _VALUES))
def test_whatever_is_logged_becomes_a_line(event: dict[str, object]) -> None:
    json.dumps(redact(None, "", {**event, "_from_structlog": True}))


def test_it_does_not_run_away() -> None:
    """No pattern takes long on any text: a log line must not be a way to stop the server."""
    begun = time.process_time()
    for part in ("A" * 20, "a@", "1 ", "Aa ", "/", "?=", "eyJ-.", "Ñu de la "):
        masked(part * (20_000 // len(part)))
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "end",
    [
        f"raise ValueError({NOTES[0]!r})",
        f"import threading; t = threading.Thread(target=lambda: int({NOTES[1]!r})); t.start(); t.join()",
        f"class X:\n    def __del__(self):\n        raise ValueError({NOTES[2]!r})\nX()",
        f"import sys, logging; sys.stderr.close(); logging.getLogger('x').error({NOTES[0]!r})",
    ],
)
def test_the_last_words_of_a_process(end: str) -> None:
    program = f"from kuska.infra.telemetry import logs\nlogs.configure('info')\nlogs.last_words()\n{end}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert not [secret for secret in SECRETS if secret in done.stderr + done.stdout]
    if "close" not in end:
        assert json.loads(done.stderr)["exception"] == "ValueError"
