"""`kuska doctor`: looks at everything a running record needs and says what is wrong and what to do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kuska.app.settings import Settings
from kuska.app.storage import database_dsn
from kuska.infra.keys.file import FileMaster
from kuska.infra.keys.master import MasterError
from kuska.infra.keys.masters import Masters
from kuska.infra.postgres.binaries import available
from kuska.infra.postgres.database import Database
from kuska.infra.postgres.machine import MIB, this_machine
from kuska.infra.postgres.migrate import pending
from kuska.kit.errors import KuskaError
from kuska.kit.messages import render, text
from kuska.security.api import accounts_ruling, mail_queue

_LITTLE_DISK = 1024 * MIB
_LITTLE_MEMORY = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str
    good: bool
    said: str
    grave: bool = True  # False: it runs all the same, and should not stay so


async def examine(settings: Settings, say: Callable[[str], None], lang: str) -> int:
    """0 when all is well, 1 otherwise; one line per subject."""
    findings = [_machine(settings), _programs(settings), _master_key(settings, lang), _alarms(settings, lang)]
    checks: tuple[Callable[[Settings], Awaitable[Finding]], ...] = (_server, _schema, _mail, _accounts)
    for check in checks:
        try:
            findings.append(await check(settings))
        except KuskaError as error:
            said = "; ".join(render(issue, lang) for issue in error.issues)
            findings.append(Finding(check.__name__.strip("_"), False, said))
            break
    for finding in findings:
        mark = "ok " if finding.good else "BAD" if finding.grave else " ! "
        say(f"{mark}  {finding.subject:<10} {finding.said}")
    return 0 if all(finding.good or not finding.grave for finding in findings) else 1


def _machine(settings: Settings) -> Finding:
    machine = this_machine(settings.process.data)
    good = machine.memory >= _LITTLE_MEMORY and machine.free_disk >= _LITTLE_DISK
    said = f"{machine.cores} cores, {machine.memory // MIB} MB memory, {machine.free_disk // MIB} MB free disk"
    return Finding("machine", good, said if good else f"{said}: at least 1024 MB of each are needed")


def _programs(settings: Settings) -> Finding:
    if settings.database.url:
        return Finding("programs", True, "not needed: KUSKA_DATABASE_URL is set")
    found = available()
    if not found:
        return Finding("programs", False, "no PostgreSQL found: uv sync, or apt install postgresql")
    user = "" if os.geteuid() or shutil.which("useradd") else " (no useradd: create the user kuska yourself)"
    return Finding(
        "programs", not user, ", ".join(f"PostgreSQL {each.major} in {each.folder}" for each in found) + user
    )


def _master_key(settings: Settings, lang: str) -> Finding:
    """Looks only: makes none, and asks no provider for anything but whether its settings are complete."""
    provider = settings.keys.provider
    try:
        master = Masters(settings.keys, settings.process.data).chosen
        said = provider
        if isinstance(master, FileMaster):
            said = f"in {master.path}: keep a copy apart" if master.check() else "file: made at the first start"
    except MasterError as error:
        return Finding("keys", False, "; ".join(render(issue, lang) for issue in error.issues))
    return Finding("keys", True, "none: bodies are stored readable" if provider == "none" else said)


def _alarms(settings: Settings, lang: str) -> Finding:
    """Whether somebody hears of it when a record is opened against the rules."""
    if settings.process.security == "off":
        return Finding("alarms", True, "not needed: KUSKA_SECURITY=off")
    if settings.security.data_protection_mail:
        return Finding("alarms", True, "data protection is told by mail")
    return Finding("alarms", False, text("security.glass-unwatched", {}, lang), grave=False)


async def _server(settings: Settings) -> Finding:
    db = await Database.open(database_dsn(settings), settings.database)
    try:
        async with db.read() as conn:
            version = await conn.fetchval("show server_version")
            durable = await conn.fetch(
                "select name from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit')"
                " and setting = 'off' order by name"
            )
    finally:
        await db.close()
    weak = ", ".join(row["name"] for row in durable)
    said = f"PostgreSQL {version}" + (f", but {weak} off: confirmed data can be lost" if weak else ", durable")
    return Finding("server", not weak, said)


async def _schema(settings: Settings) -> Finding:
    missing = await pending(database_dsn(settings))
    return Finding(
        "schema", not missing, f"not applied: {', '.join(missing)}: kuska migrate" if missing else "complete"
    )


async def _mail(settings: Settings) -> Finding:
    """Invitations and links for new passwords go out by mail; without a server they wait in the database."""
    db = await Database.open(database_dsn(settings), settings.database)
    try:
        missing = await pending(database_dsn(settings))
        waiting, given_up = (0, 0) if missing else await mail_queue(db)
    finally:
        await db.close()
    server = settings.mail.host or "no server (KUSKA_MAIL_HOST): mails wait in the database"
    said = f"{server}, {waiting} waiting" + (f", {given_up} given up: see the log" if given_up else "")
    return Finding("mail", not given_up and (bool(settings.mail.host) or not waiting), said)


async def _accounts(settings: Settings) -> Finding:
    """Until there is an administrator, nobody can be let in but from the command line."""
    if settings.process.security == "off":
        return Finding("accounts", True, "not needed: KUSKA_SECURITY=off")
    if settings.security.providers_file:
        return Finding("accounts", True, "roles come from the identity provider, too")
    db = await Database.open(database_dsn(settings), settings.database)
    try:
        known = not await pending(database_dsn(settings))
        active, invited = await accounts_ruling(db, settings.security.tenant) if known else (0, 0)
    finally:
        await db.close()
    if not (active or invited):
        advice = "kuska account invite --login … --name … --role administrator"
        return Finding("accounts", False, f"no administrator yet: {advice}")
    said = f"{active} active administrators" if active else "the administrator is invited, but has not come in yet"
    return Finding("accounts", True, said)


async def nobody_rules(settings: Settings) -> bool:
    return not (await _accounts(settings)).good
