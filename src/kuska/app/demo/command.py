"""`kuska demo`: fill the record of these settings with synthetic people."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable

from kuska.app.demo.seeding import seed_demo
from kuska.app.keyring import keyring
from kuska.app.settings import Settings
from kuska.app.storage import database
from kuska.fhir.api import open_record
from kuska.security.api import visit_off


def seed(settings: Settings, options: argparse.Namespace, say: Callable[[str], None]) -> int:
    return asyncio.run(_seed(settings, options, say))


async def _seed(settings: Settings, options: argparse.Namespace, say: Callable[[str], None]) -> int:
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
    return 0
