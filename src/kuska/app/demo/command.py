"""`kuska demo`: fill the record of these settings with synthetic people, and make an account of every role."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Sequence

from kuska.app.demo.accounts import DemoAccount, seed_accounts
from kuska.app.demo.seeding import seed_demo
from kuska.app.keyring import keyring
from kuska.app.protection import protection
from kuska.app.settings import Settings
from kuska.app.storage import database
from kuska.fhir.api import open_record
from kuska.kit.clock import SystemClock
from kuska.security.api import visit_off

Say = Callable[[str], None]


def seed(settings: Settings, options: argparse.Namespace, say: Say) -> int:
    return asyncio.run(_seed(settings, options, say))


async def _seed(settings: Settings, options: argparse.Namespace, say: Say) -> int:
    begun = time.monotonic()
    async with database(settings, say) as db, keyring(settings, db) as keys:
        record = await open_record(db, settings.fhir, keys=keys)
        # Synthetic people: nobody's data, so nothing for the trail.
        done = await seed_demo(await record.for_visit(visit_off()), options.patients, seed=options.seed, progress=say)
        if done.added:
            seconds = time.monotonic() - begun
            say(f"{done.added} synthetic people added, {done.resources} resources in {seconds:.1f} s")
        else:
            say(f"the {done.people} synthetic people are there already")
        if settings.process.security == "on":
            port = settings.process.port
            own = settings.security.public_url or f"http://localhost:{port}"
            async with protection(settings, db, keys, SystemClock(), own_url=own) as security:
                accounts = await seed_accounts(security, settings.process.data, options.seed, options.patients)
            _tell(accounts, f"{own}/login", say)
    return 0


def _tell(accounts: Sequence[DemoAccount], where: str, say: Say) -> None:
    say(f"sign in at {where} as")
    width = max(len(account.login) for account in accounts)
    for account in accounts:
        say(f"    {account.login:<{width}}  {account.password or '(changed)':<17}  {account.role}")
    say("whoever works with other people's data sets up a second factor at the first sign-in")
