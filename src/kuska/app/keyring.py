"""Opens the keys of these settings, for the server and for the commands: `kuska keys status | rotate | rewrap | destroy`."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from kuska.app.settings import Settings
from kuska.app.storage import database
from kuska.app.terminal import language
from kuska.fhir.api import open_record, reseal
from kuska.infra.http.outgoing import Outgoing, open_outgoing
from kuska.infra.keys.masters import Masters
from kuska.infra.keys.vault import Post
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.logs import logger
from kuska.kit.clock import Clock, SystemClock
from kuska.kit.messages import Tell, text
from kuska.security.api import (
    Epoch,
    Keys,
    Pseudonyms,
    open_keys,
    reseal_factors,
    reseal_signing_keys,
    settle_place,
)

_log = logger("keys")
# What `rotate` seals anew: all that anything is sealed for, but the index of pseudonyms, by which rows are found.
SERVED = ("record", "pseudonyms", "factors", "signing-keys")


def _warn(key: str, /, **params: object) -> None:
    """In the log, for a server. A warning, so that it is seen whatever the level: nobody can bring that file back."""
    _log.warning("keys", said=text(key, params, language()))


@asynccontextmanager
async def keyring(
    settings: Settings,
    db: Database,
    *,
    clock: Clock | None = None,
    epoch: Epoch | None = None,
    tell: Tell = _warn,
) -> AsyncGenerator[Keys]:
    """`epoch`: the one that the process watches already; without it, the keys watch their own. `tell`: of a master key
    that is made, or that there is none.
    """

    def made(path: Path) -> None:
        tell("keys.made", file=path)

    await settle_place(db, settings.security)
    if settings.keys.provider == "none":
        tell("keys.none")
    async with AsyncExitStack() as stack:
        given: dict[str, Post] = {}
        if settings.keys.vault_address:
            # The operator named this host; it is usually inside.
            host = urlsplit(settings.keys.vault_address).netloc.rpartition("@")[2]
            allowed = (*settings.outgoing.allowed_hosts, host)
            outgoing = dataclasses.replace(settings.outgoing, allowed_hosts=allowed)
            given["post"] = _post(await stack.enter_async_context(open_outgoing(outgoing)))
        masters = Masters(settings.keys, settings.process.data, made=made, **given)
        if epoch is None:
            epoch = Epoch(db)
            await stack.enter_async_context(epoch.watched())
        opened = open_keys(db, masters, settings.security.tenant, clock or SystemClock(), epoch)
        yield await stack.enter_async_context(opened)


def _post(client: Outgoing) -> Post:
    async def post(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        answer = await client.send("POST", url, headers=headers, body=body)
        return answer.status, answer.body

    return post


def run(settings: Settings, options: argparse.Namespace, tell: Tell) -> int:
    commands = {"status": _status, "rotate": _rotate, "rewrap": _rewrap, "destroy": _destroy}
    return asyncio.run(_run(settings, commands[options.action], tell))


async def _run(settings: Settings, command: Callable[..., object], tell: Tell) -> int:
    async with (
        database(settings, tell) as db,
        keyring(settings, db, tell=tell) as keys,
    ):
        await command(settings, db, keys, tell)  # type: ignore[misc]
    return 0


async def _status(settings: Settings, _: Database, keys: Keys, tell: Tell) -> None:
    tell("keys.provider", provider=settings.keys.provider)
    for key in await keys.status():
        tell(
            f"keys.line-{key.state}",
            purpose=key.purpose,
            number=key.number,
            provider=key.wrapped.provider,
            master=key.wrapped.master or "-",
            since=f"{key.since:%Y-%m-%d %H:%M}",
        )
    if keys.cipher("record").mixed:
        tell("keys.unfinished")


async def _rotate(settings: Settings, db: Database, keys: Keys, tell: Tell) -> None:
    """Any number of servers go on meanwhile. Interrupted, it is simply run again."""
    if keys.seals:
        newest = await keys.rotate(SERVED)
        tell("keys.rotating", number=newest["record"])
        for purpose in SERVED:
            await keys.ripen(purpose)
    record = await open_record(db, settings.fhir, keys=keys)
    changed = 0
    # Until a whole walk finds nothing: a process that was late may have sealed with the old key behind our back.
    while done := await reseal(
        record, lambda seen, _: tell("keys.progress", seen=seen) if not seen % 100_000 else None
    ):
        changed += done
    if keys.seals:
        changed += await Pseudonyms(db, settings.security, keys, SystemClock()).reseal()
        changed += await reseal_factors(db, keys)
        while done := await reseal_signing_keys(db, keys):
            changed += done
        for purpose in SERVED:
            await keys.settle(purpose)
    else:
        await keys.settle("record")
    tell("keys.rotated", count=changed)


async def _rewrap(_: Settings, __: Database, keys: Keys, tell: Tell) -> None:
    tell("keys.rewrapped", count=await keys.rewrap())


async def _destroy(_: Settings, __: Database, keys: Keys, tell: Tell) -> None:
    gone = await keys.destroy()
    tell("keys.destroyed", keys=[f"{purpose} {number}" for purpose, number in gone] or "-")
