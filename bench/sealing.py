"""What protecting data costs: a body sealed and opened, a log line masked, pseudonyms made and found in batches.

In this process on one core; pseudonyms on an embedded database with its real durability.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import uvloop

from bench.measure import data_folder, options
from bench.result import note, publish, spread
from bench.server import Place, database
from kuska.infra.postgres.database import Database
from kuska.infra.postgres.migrate import migrate
from kuska.infra.telemetry.redaction import redact
from kuska.kit.clock import SystemClock
from kuska.security.domain.sealing import passing_ring
from kuska.security.settings import SecuritySettings
from kuska.security.usecases.pseudonyms import Pseudonyms

_BODY = 500  # bytes, as a compressed body usually has
_NOTE = "Paciente ROSA HUAMÁN QUISPE, DNI 45678912, 54 años, adenocarcinoma de pulmón cT2aN1M0; refiere disnea."


def each(work: Callable[[], object], count: int = 20_000) -> float:
    """Microseconds of one call: the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(count):
            work()
        best = min(best, time.perf_counter() - begun)
    return round(best / count * 1e6, 1)


def _line(**more: Any) -> dict[str, Any]:
    common = {"event": "request", "_from_structlog": True, "level": "info", "timestamp": "2026-11-21T15:30:12Z"}
    return common | {"method": "GET", "route": "fhir instance", "status": 200, "seconds": 1.25} | more


def steps() -> dict[str, float]:
    cipher = passing_ring().cipher("record")
    body = os.urandom(_BODY)
    sealed = cipher.seal(body, b"Observation/123456789")
    return {
        "seal_us": each(lambda: cipher.seal(body, b"Observation/123456789")),
        "open_us": each(lambda: cipher.open(sealed, b"Observation/123456789")),
        "log_line_us": each(lambda: redact(None, "", _line())),
        "log_line_with_a_note_us": each(lambda: redact(None, "", _line(problem=_NOTE)), 5_000),
    }


async def measure(place: Place, people: int, runs: int) -> dict[str, Any]:
    await migrate(place.dsn)
    db = await Database.open(place.dsn)
    pseudonyms = Pseudonyms(db, SecuritySettings(), passing_ring(), SystemClock())
    made: list[float] = []
    found: list[float] = []
    try:
        for run in range(runs):
            persons = [f"Patient/{run}-{number:08d}" for number in range(people)]
            for rates in (made, found):
                begun = time.perf_counter()
                await pseudonyms.of("research", persons)
                rates.append(people / (time.perf_counter() - begun))
            note(f"  {run + 1}/{runs}: made {made[-1]:,.0f}/s, found {found[-1]:,.0f}/s")
    finally:
        await db.close()
    return {"pseudonyms_made_per_second": spread(made, 0), "pseudonyms_found_per_second": spread(found, 0)}


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__, seconds=1, runs=3, connections=[1], patients=50_000)
    chosen = parser.parse_args(arguments)
    figures: dict[str, Any] = dict(steps())
    with data_folder(chosen.folder) as folder, database(folder) as place:
        figures |= uvloop.run(measure(place, chosen.patients, chosen.runs))
    publish("sealing", {"body_bytes": _BODY, "people": chosen.patients}, figures, keep=not chosen.trial)


if __name__ == "__main__":
    main()
