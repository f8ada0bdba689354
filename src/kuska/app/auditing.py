"""`kuska audit verify | export`: is the trail as it was written, and what it says, to take away."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, date, datetime, time, timedelta

from kuska.app.settings import Settings
from kuska.app.storage import database
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SystemClock
from kuska.kit.messages import Tell
from kuska.security.api import TrailQuestion, account_id, open_trail, trail_verifier, visit_system

TAMPERED = 3  # exit status
_DAY = timedelta(days=1)


def run(settings: Settings, chosen: argparse.Namespace, tell: Tell) -> int:
    return asyncio.run(_run(settings, chosen, tell))


async def _run(settings: Settings, chosen: argparse.Namespace, tell: Tell) -> int:
    async with database(settings, tell) as db:
        if chosen.action == "export":
            count = await _export(settings, db, chosen)
            if not count or chosen.form == "ndjson":  # a cell of a table may have lines of its own
                tell("audit.exported", count=count)
            return 0
        return await _verify(settings, db, chosen, tell)


async def _verify(settings: Settings, db: Database, chosen: argparse.Namespace, tell: Tell) -> int:
    verifying = trail_verifier(db, settings.security, SystemClock(), settings.process.data)
    report = await verifying.verify(chosen.first or date.min, chosen.last or date.max)
    for finding in report.findings:
        tell(f"audit.{finding.problem}", day=finding.day.isoformat(), link=finding.link, event=finding.event or "-")
    tell("audit.checked", links=report.links, events=report.events, heads=report.heads)
    tell("audit.good" if report.good else "audit.tampered")
    return 0 if report.good else TAMPERED


async def _export(settings: Settings, db: Database, chosen: argparse.Namespace) -> int:
    """How many lines. To standard output. Whoever runs this has the database itself; that it was done is in the trail all the same."""
    question = TrailQuestion(
        patient=chosen.patient,
        account=await account_id(db, settings.security, chosen.account) if chosen.account else "",
        since=_midnight(chosen.first) if chosen.first else None,
        until=_midnight(chosen.last + _DAY) if chosen.last else None,
    )
    clock, lines = SystemClock(), 0
    async with open_trail(db, settings.security, clock, settings.process.data) as trail:
        visit = visit_system("audit export", trail, clock)
        async for piece in trail.export(visit, question, chosen.form):
            sys.stdout.buffer.write(piece)
            lines += piece.count(b"\n")
    sys.stdout.buffer.flush()
    return lines - (chosen.form == "csv")  # its heading


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
