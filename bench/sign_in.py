"""Sign-ins a second at the default argon2 cost, with everything that belongs to one: the count of attempts, the password,
the session, the line of the trail, all durable. And what finding a session costs at each later request.

In this process, without HTTP, on a real database. `per_core` is per processor-second of this process and the database.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import uvloop

from bench.measure import data_folder, options
from bench.result import Cpu, latency, note, publish
from bench.server import Place, database
from kuska.infra.mail.settings import MailSettings
from kuska.infra.mail.smtp import SmtpMailer
from kuska.infra.postgres.database import Database
from kuska.infra.postgres.migrate import migrate
from kuska.kit.clock import SystemClock
from kuska.kit.errors import KuskaError
from kuska.security.domain.accounts import NewAccount
from kuska.security.settings import SecuritySettings
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.accounts.opening import open_accounts, post_office
from kuska.security.usecases.accounts.service import Accounts
from kuska.security.usecases.sessions import Sessions
from kuska.security.usecases.trail.running import open_trail

_PEOPLE = 20
_PASSWORD = "cuatro perros azules"  # noqa: S105 - of nobody
_FINDS = 20_000


async def measure(place: Place, seconds: float, connections: list[int], folder: Path) -> dict[str, Any]:
    await migrate(place.dsn)
    db = await Database.open(place.dsn)
    clock, settings = SystemClock(), SecuritySettings()
    try:
        async with open_trail(db, settings, clock, folder) as trail:
            epoch = Epoch(db)
            sessions = Sessions(db, settings, clock, trail, epoch)
            letters, mailroom = post_office(
                db, settings, clock, trail, mailer=SmtpMailer(MailSettings(), clock), own_url="http://localhost"
            )
            opened = open_accounts(
                db, settings, clock, trail,
                epoch=epoch, sessions=sessions, letters=letters, mailroom=mailroom, roles=_roles,
            )  # fmt: skip
            try:
                return await _figures(opened.accounts, sessions, place, seconds, connections)
            finally:
                opened.hasher.close()
    finally:
        await db.close()


async def _roles() -> tuple[str, ...]:
    return ()


async def _figures(
    accounts: Accounts, sessions: Sessions, place: Place, seconds: float, connections: list[int]
) -> dict[str, Any]:
    for number in range(_PEOPLE):
        await accounts.create(NewAccount(login=f"person{number}@example.org", display_name="Persona"), _PASSWORD)
    numbers = count()

    async def good() -> None:
        person = next(numbers) % _PEOPLE
        await accounts.sign_in(f"person{person}@example.org", _PASSWORD, f"10.0.0.{person}", "bench")

    async def bad() -> None:
        """Nobody twice, so that nobody has to wait."""
        number = next(numbers)
        try:
            await accounts.sign_in(
                f"nobody{number}@example.org", "x", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", ""
            )
        except KuskaError:
            return
        raise AssertionError("let in")

    found: dict[str, Any] = {"argon2": "argon2id, 19 MiB, 2 passes, 1 lane"}
    for name, act in (("right", good), ("wrong", bad)):
        await _rate(act, place, min(1.0, seconds), 2)
        found[name] = {str(many): await _rate(act, place, seconds, many) for many in connections}
    cookie = (await accounts.sign_in("person0@example.org", _PASSWORD, "10.0.0.0", "bench")).session_cookie
    begun = time.perf_counter()
    for _ in range(_FINDS):
        assert await sessions.find(cookie, "10.0.0.0") is not None
    found["find_session_microseconds"] = round((time.perf_counter() - begun) / _FINDS * 1e6, 2)
    return found


async def _rate(act: Callable[[], Awaitable[None]], place: Place, seconds: float, many: int) -> dict[str, Any]:
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def client() -> None:
        while (begun := time.perf_counter()) < end:
            await act()
            taken.append(time.perf_counter() - begun)

    before, begun = Cpu.now(database=place.pids()), time.perf_counter()
    await asyncio.gather(*(client() for _ in range(many)))
    lasted, after = time.perf_counter() - begun, Cpu.now(database=place.pids())
    used = sum(after.since(before).values())
    figures = {
        "per_second": round(len(taken) / lasted, 1),
        "per_core": round(len(taken) / max(used, 0.001), 1),
        "milliseconds": latency(taken),
        "noise": after.noise(before, lasted),
    }
    note(f"{many} at once: {figures['per_second']} a second, {figures['per_core']} per core")
    return figures


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__, seconds=6, runs=1, connections=[4, 16], patients=0)
    chosen = parser.parse_args(arguments)
    with data_folder(chosen.folder) as folder, database(folder) as place:
        figures = uvloop.run(measure(place, chosen.seconds, chosen.connections, folder / "trail"))
    publish("sign_in", {"people": _PEOPLE, "seconds": chosen.seconds}, figures, keep=not chosen.trial)


if __name__ == "__main__":
    main()
