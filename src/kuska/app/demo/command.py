"""`kuska demo`: fill the record of these settings with synthetic people, and make an account of every role."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence

from kuska.app.demo.accounts import DemoAccount, seed_accounts
from kuska.app.demo.seeding import seed_demo
from kuska.app.keyring import keyring
from kuska.app.protection import protection
from kuska.app.settings import Settings
from kuska.app.storage import database
from kuska.fhir.api import open_record
from kuska.kit.clock import SystemClock
from kuska.kit.messages import Tell
from kuska.security.api import visit_off


def seed(settings: Settings, options: argparse.Namespace, tell: Tell) -> int:
    return asyncio.run(_seed(settings, options, tell))


async def _seed(settings: Settings, options: argparse.Namespace, tell: Tell) -> int:
    begun = time.monotonic()
    async with database(settings, tell) as db, keyring(settings, db, tell=tell) as keys:
        record = await open_record(db, settings.fhir, keys=keys)
        # Synthetic people: nobody's data, so nothing for the trail.
        done = await seed_demo(await record.for_visit(visit_off()), options.patients, seed=options.seed, progress=tell)
        if done.added:
            seconds = time.monotonic() - begun
            tell("demo.added", people=done.added, resources=done.resources, seconds=f"{seconds:.1f}")
        else:
            tell("demo.there", people=done.people)
        if settings.process.security == "on":
            port = settings.process.port
            own = settings.security.public_url or f"http://localhost:{port}"
            async with protection(settings, db, keys, SystemClock(), own_url=own) as security:
                accounts = await seed_accounts(security, settings.process.data, options.seed, options.patients)
            _tell(accounts, f"{own}/login", tell)
    return 0


def _tell(accounts: Sequence[DemoAccount], where: str, tell: Tell) -> None:
    tell("demo.sign-in", where=where)
    width = max(len(account.login) for account in accounts)
    for account in accounts:
        key = "demo.account" if account.password else "demo.account-changed"
        given = {"password": account.password} if account.password else {}
        tell(key, login=account.login.ljust(width), role=account.role, **given)
    tell("demo.second-factor")
