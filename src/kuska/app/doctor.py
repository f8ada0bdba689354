"""`kuska doctor`: looks at everything a running record needs and says what is wrong and what to do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parseaddr

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


Words = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str  # its name is the message 'doctor.<subject>'
    good: bool
    said: str
    grave: bool = True  # False: it runs all the same, and should not stay so


async def examine(settings: Settings, say: Callable[[str], None], lang: str) -> int:
    """0 when all is well, 1 otherwise; one line per subject."""

    def words(key: str, /, **params: object) -> str:
        return text(key, params, lang)

    findings = [_machine(settings, words), _programs(settings, words), _master_key(settings, words, lang)]
    findings.append(_alarms(settings, words))
    checks = {"server": _server, "schema": _schema, "mail": _mail, "accounts": _accounts}
    for subject, check in checks.items():
        try:
            findings.append(await check(settings, words))
        except KuskaError as error:
            findings.append(Finding(subject, False, "; ".join(render(issue, lang) for issue in error.issues)))
            break
    for finding in findings:
        mark = "doctor.good" if finding.good else "doctor.bad" if finding.grave else "doctor.so-so"
        say(f"{words(mark):<3}  {words(f'doctor.{finding.subject}'):<10} {finding.said}")
    return 0 if all(finding.good or not finding.grave for finding in findings) else 1


def _machine(settings: Settings, words: Words) -> Finding:
    machine = this_machine(settings.process.data)
    good = machine.memory >= _LITTLE_MEMORY and machine.free_disk >= _LITTLE_DISK
    given = {"cores": machine.cores, "memory": machine.memory // MIB, "disk": machine.free_disk // MIB}
    return Finding("machine", good, words("doctor.machine-is" if good else "doctor.machine-small", **given))


def _programs(settings: Settings, words: Words) -> Finding:
    if settings.database.url:
        return Finding("programs", True, words("doctor.programs-elsewhere"))
    found = available()
    if not found:
        return Finding("programs", False, words("doctor.programs-none"))
    said = ", ".join(words("doctor.programs-in", major=each.major, folder=each.folder) for each in found)
    good = bool(os.geteuid() or shutil.which("useradd"))
    return Finding("programs", good, said if good else f"{said} {words('doctor.programs-user')}")


def _master_key(settings: Settings, words: Words, lang: str) -> Finding:
    """Looks only: makes none, and asks no provider for anything but whether its settings are complete."""
    provider = settings.keys.provider
    try:
        master = Masters(settings.keys, settings.process.data).chosen
        said = provider
        if isinstance(master, FileMaster):
            there = master.check()
            said = words("doctor.keys-in", file=master.path) if there else words("doctor.keys-to-be-made")
    except MasterError as error:
        return Finding("keys", False, "; ".join(render(issue, lang) for issue in error.issues))
    return Finding("keys", True, words("doctor.keys-none") if provider == "none" else said)


def _alarms(settings: Settings, words: Words) -> Finding:
    """Whether somebody hears of it when a record is opened against the rules."""
    if settings.process.security == "off":
        return Finding("alarms", True, words("doctor.security-off"))
    if settings.security.data_protection_mail:
        return Finding("alarms", True, words("doctor.alarms-told"))
    return Finding("alarms", False, words("security.glass-unwatched"), grave=False)


async def _server(settings: Settings, words: Words) -> Finding:
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
    weak = [row["name"] for row in durable]
    key = "doctor.server-weak" if weak else "doctor.server-is"
    return Finding("server", not weak, words(key, version=version, **({"weak": weak} if weak else {})))


async def _schema(settings: Settings, words: Words) -> Finding:
    missing = await pending(database_dsn(settings))
    said = words("doctor.schema-misses", names=missing) if missing else words("doctor.schema-complete")
    return Finding("schema", not missing, said)


async def _mail(settings: Settings, words: Words) -> Finding:
    """Invitations and links for new passwords go out by mail; without a server they wait in the database."""
    db = await Database.open(database_dsn(settings), settings.database)
    try:
        missing = await pending(database_dsn(settings))
        waiting, given_up = (0, 0) if missing else await mail_queue(db)
    finally:
        await db.close()
    host = settings.mail.host
    said = [host or words("doctor.mail-no-server"), words("doctor.mail-waiting", count=waiting)]
    if given_up:
        said.append(words("doctor.mail-given-up", count=given_up))
    nobody = bool(host) and _is_nobodys(settings.mail.sender)
    if nobody:
        said.append(words("doctor.mail-sender", sender=settings.mail.sender))
    good = not given_up and (bool(host) or not waiting)
    return Finding("mail", good and not nobody, ", ".join(said), grave=not good)


def _is_nobodys(sender: str) -> bool:
    """An address that answers cannot come back to, and that most servers take from nobody."""
    return parseaddr(sender)[1].partition("@")[2].lower() in ("", "localhost")


async def _accounts(settings: Settings, words: Words) -> Finding:
    """Until there is an administrator, nobody can be let in but from the command line."""
    if settings.process.security == "off":
        return Finding("accounts", True, words("doctor.security-off"))
    if settings.security.providers_file:
        return Finding("accounts", True, words("doctor.accounts-elsewhere"))
    active, invited = await _ruling(settings)
    if not (active or invited):
        return Finding("accounts", False, words("doctor.accounts-none"))
    said = words("doctor.accounts-active", count=active) if active else words("doctor.accounts-invited")
    return Finding("accounts", True, said)


async def _ruling(settings: Settings) -> tuple[int, int]:
    """Administrators: active, invited."""
    db = await Database.open(database_dsn(settings), settings.database)
    try:
        missing = await pending(database_dsn(settings))
        return (0, 0) if missing else await accounts_ruling(db, settings.security.tenant)
    finally:
        await db.close()


async def nobody_rules(settings: Settings) -> bool:
    process, security = settings.process, settings.security
    return process.security == "on" and not security.providers_file and not any(await _ruling(settings))
