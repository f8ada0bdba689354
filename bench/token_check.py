"""What an access token costs by algorithm: `issue` to sign one, `first` to check one that this process has not seen,
`again` to check one that it has.

In this process, on one core, without HTTP. Token and policy together, through the door: bench/policy.py.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any, Literal

import uvloop

from bench.measure import data_folder, options
from bench.result import note, publish, spread
from bench.server import Place, database
from kuska.infra.postgres.database import Database
from kuska.infra.postgres.migrate import migrate
from kuska.kit.clock import SystemClock
from kuska.security.contracts import Caller
from kuska.security.domain.scopes import read
from kuska.security.domain.sealing import passing_ring
from kuska.security.settings import SecuritySettings
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.oauth.server import open_tokens
from kuska.security.usecases.oauth.tokens import Tokens

_ROUND = 500
_SCOPES = read("openid fhirUser launch/patient patient/Patient.rs patient/Observation.rs?category=laboratory")
_CALLER = Caller(
    kind="person",
    account="0193b1c0-0000-7000-8000-000000000000",
    client="an-application",
    session="0193b1c0-0000-7000-8000-000000000001",
    roles=("physician",),
    patient="a-patient",
    practitioner="a-doctor",
    organization="us",
    tenant="demo",
    country="PE",
    methods=("pwd", "otp"),
)
_KINDS: dict[str, tuple[Literal["RS256", "ES384"], Literal[2048, 3072]]] = {
    "RS256-2048": ("RS256", 2048),
    "RS256-3072": ("RS256", 3072),
    "ES384": ("ES384", 2048),
}


async def measure(place: Place, runs: int) -> dict[str, Any]:
    await migrate(place.dsn)
    db = await Database.open(place.dsn)
    figures: dict[str, Any] = {}
    try:
        for name, (algorithm, bits) in _KINDS.items():
            async with db.write() as tx:
                await tx.execute("delete from security.signing_key")
            settings = dataclasses.replace(SecuritySettings(), signing_algorithm=algorithm, signing_rsa_bits=bits)
            tokens = await open_tokens(
                db,
                clock=SystemClock(),
                epoch=Epoch(db),
                sealer=passing_ring(),
                settings=settings,
                own_url="http://localhost",
            )
            figures[name] = _figures(tokens, runs)
            note(f"{name}: {figures[name]}")
    finally:
        await db.close()
    return figures


def _figures(tokens: Tokens, runs: int) -> dict[str, Any]:
    found: dict[str, list[float]] = {"issue": [], "first": [], "again": []}
    for _ in range(runs):
        shown: list[str] = []

        def issue(shown: list[str] = shown) -> None:
            shown.extend(tokens.issue(_CALLER, _SCOPES)[0] for _ in range(_ROUND))

        def check(shown: list[str] = shown) -> None:
            for token in shown:
                tokens.check(token)

        for name, act in (("issue", issue), ("first", check), ("again", check)):
            found[name].append(_microseconds(act))
    return {f"{name}_microseconds": spread(values) for name, values in found.items()}


def _microseconds(act: Callable[[], None]) -> float:
    """Of processor time: others on the machine do not count."""
    begun = time.process_time()
    act()
    return (time.process_time() - begun) / _ROUND * 1e6


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__, seconds=1, runs=5, connections=[1], patients=0)
    chosen = parser.parse_args(arguments)
    with data_folder(chosen.folder) as folder, database(folder) as place:
        figures = uvloop.run(measure(place, chosen.runs))
    publish("token_check", {"tokens": _ROUND, "runs": chosen.runs}, figures, keep=not chosen.trial)


if __name__ == "__main__":
    main()
