"""What a request costs before the record is asked: from the Authorization header to the ways that the policy opens.

In this process, on one core, without HTTP, on a real database: the door with the real tokens (RS256), policy, limits and
trail. `first`: a token that this process sees for the first time, of somebody it has decided about before; `again`: the
same token once more; `decision`: the policy alone for a caller who is new to it, with 1,000 patients who refuse; `cold`:
nothing kept but what patients said, with the questions to the database, as after every change of a role or account;
`refusals`: the decision after one of those 1,000 has changed.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop

from bench.measure import data_folder, options
from bench.result import note, publish, spread
from bench.server import Place, database
from kuska.infra.keys.masters import Masters
from kuska.infra.keys.settings import KeysSettings
from kuska.infra.mail.settings import MailSettings
from kuska.infra.mail.smtp import SmtpMailer
from kuska.infra.postgres.database import Database
from kuska.infra.postgres.migrate import migrate
from kuska.kit.clock import SystemClock
from kuska.security.api import Caller, Security, open_keys, open_security
from kuska.security.domain.consents import Common, ConsentRule
from kuska.security.domain.policy import Facts, Granted, decide
from kuska.security.domain.policy import Place as Lying
from kuska.security.domain.roles import shipped
from kuska.security.domain.scopes import Scopes, parse
from kuska.security.settings import LimitSettings, SecuritySettings
from kuska.security.store import consents
from kuska.security.store.epoch import Epoch

_REFUSING = 1_000
_ROUND = 200
_SCOPES = parse("user/Patient.rs user/Observation.crus user/Condition.crus user/*.rs")
_UNLIMITED = LimitSettings(requests_per_second=1_000_000, requests_burst=1_000_000)
_CALLER = Caller(
    kind="person",
    account="a-physician",
    client="an-application",
    roles=("physician",),
    practitioner="doctor",
    organization="us",
    tenant="demo",
    country="PE",
    methods=("pwd", "otp"),
)


@asynccontextmanager
async def opened(place: Place, folder: Path) -> AsyncGenerator[tuple[Database, Security]]:
    await migrate(place.dsn)
    db = await Database.open(place.dsn)
    clock, settings = SystemClock(), SecuritySettings()
    masters = Masters(KeysSettings(provider="none"), folder)
    try:
        async with (
            open_keys(db, masters, settings.tenant, clock, Epoch(db)) as keys,
            open_security(
                db, settings, clock, "http://localhost", folder, limits=_UNLIMITED, sealer=keys,
                mailer=SmtpMailer(MailSettings(), clock),
            ) as security,
        ):  # fmt: skip
            async with db.write() as tx:
                for number in range(_REFUSING):
                    rule = ConsentRule(patient=f"p{number}", effect="deny", depth=0)
                    await consents.replace(tx, f"c{number}", [rule])
            yield db, security
    finally:
        await db.close()


async def measure(place: Place, seconds: float, runs: int, folder: Path) -> dict[str, Any]:
    async with opened(place, folder) as (_, security):
        found = {
            "first": await _spread(_first(security), seconds, runs),
            "again": await _spread(_again(security), seconds, runs),
            "decision": await _spread(_decision, seconds, runs),
            "refusals": await _spread(_refusals, seconds, runs),
            "cold": await _spread(_cold(security), seconds, runs),
        }
    for name, figures in found.items():
        note(f"{name}: {figures['median']} µs")
    return {f"{name}_microseconds": figures for name, figures in found.items()}


def _first(security: Security) -> Callable[[], Awaitable[float]]:
    async def act() -> float:
        shown = [_headers(security) for _ in range(_ROUND)]
        begun = time.perf_counter()
        for headers in shown:
            await _ask(security, headers)
        return (time.perf_counter() - begun) / _ROUND

    return act


def _again(security: Security) -> Callable[[], Awaitable[float]]:
    headers = _headers(security)

    async def act() -> float:
        begun = time.perf_counter()
        for _ in range(_ROUND):
            await _ask(security, headers)
        return (time.perf_counter() - begun) / _ROUND

    return act


async def _decision() -> float:
    rules = {f"c{n}": (ConsentRule(patient=f"p{n}", effect="deny", depth=0),) for n in range(_REFUSING)}
    facts, here, now = Facts(common=Common(rules)), Lying("demo", "PE"), SystemClock().now()
    decide(_CALLER, "", shipped(), facts, place=here, now=now)
    begun = time.perf_counter()
    for _ in range(5):
        decision = decide(_CALLER, "", shipped(), facts, place=here, now=now)
        assert Granted(_CALLER, decision).ways("Observation", "r")
    return (time.perf_counter() - begun) / 5


async def _refusals() -> float:
    rules = {f"c{n}": (ConsentRule(patient=f"p{n}", effect="deny", depth=0),) for n in range(_REFUSING)}
    here, now = Lying("demo", "PE"), SystemClock().now()
    begun = time.perf_counter()
    decide(_CALLER, "", shipped(), Facts(common=Common(rules)), place=here, now=now)
    return time.perf_counter() - begun


def _cold(security: Security) -> Callable[[], Awaitable[float]]:
    headers = _headers(security)

    async def act() -> float:
        security.epoch.forget()
        begun = time.perf_counter()
        await _ask(security, headers)
        return time.perf_counter() - begun

    return act


def _headers(security: Security) -> dict[bytes, bytes]:
    token, _ = security.tokens.issue(_CALLER, Scopes(_SCOPES))
    return {b"authorization": b"Bearer " + token.encode()}


async def _ask(security: Security, headers: dict[bytes, bytes]) -> None:
    visit = await security.door.enter(headers, address="10.0.0.1")
    assert visit.access.ways("Observation", "r")
    assert len(visit.access.withheld_for("Observation")) == _REFUSING


async def _spread(act: Callable[[], Awaitable[float]], seconds: float, runs: int) -> dict[str, float]:
    """The median of each run, in microseconds, and how far apart the runs are."""
    await act()
    medians: list[float] = []
    for _ in range(runs):
        taken: list[float] = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            taken.append(await act())
        medians.append(sorted(taken)[len(taken) // 2] * 1e6)
    return spread(medians)


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__, seconds=1, runs=5, connections=[1], patients=0)
    chosen = parser.parse_args(arguments)
    with data_folder(chosen.folder) as folder, database(folder) as place:
        figures = uvloop.run(measure(place, chosen.seconds, chosen.runs, folder / "security"))
    publish(
        "policy",
        {"refusing": _REFUSING, "seconds": chosen.seconds, "runs": chosen.runs},
        figures,
        keep=not chosen.trial,
    )


if __name__ == "__main__":
    main()
