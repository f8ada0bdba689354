"""`kuska backup FOLDER` and `kuska restore FOLDER`: the embedded database and the heads of its trail, out and back in.

The master key is not in it: whoever has both can read the record, so they are kept in different places.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
from pathlib import Path

from kuska.app.configuration import StartError
from kuska.app.keyring import keyring
from kuska.app.settings import Settings
from kuska.app.storage import database
from kuska.fhir.api import begin_outbox_anew
from kuska.infra.postgres import dump, embedded
from kuska.kit.messages import Tell
from kuska.security.api import bring_heads, heads_files

_DUMP = "kuska.dump"


def backup(settings: Settings, chosen: argparse.Namespace, tell: Tell) -> int:
    folder = _folder(settings, chosen)
    if folder.exists() and any(folder.iterdir()):
        raise StartError("backup.taken", folder=folder)
    if not (settings.process.data / "postgres").is_dir():
        raise StartError("backup.nothing", folder=settings.process.data)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = embedded.attach(settings.process.data, tell)
    unfinished = folder / f"{_DUMP}.unfinished"
    unfinished.touch(mode=0o600)
    try:
        dump.dump(server.cluster, unfinished)
    finally:
        server.leave()
    # After the dump, so that its last links have their heads; the later ones are left out when it is brought back.
    for file in heads_files(settings.security, settings.process.data):
        if file.exists():
            shutil.copyfile(file, folder / file.name)
    unfinished.rename(folder / _DUMP)
    tell("backup.done", folder=folder)
    if master := _master(settings):
        tell("backup.master", file=master)
    return 0


def restore(settings: Settings, chosen: argparse.Namespace, tell: Tell) -> int:
    folder = _folder(settings, chosen)
    file = folder / _DUMP
    if not file.is_file():
        raise StartError("restore.no-dump", file=file)
    master = _master(settings)
    if master and not master.is_file():  # a start would make a new one, which opens nothing
        raise StartError("restore.no-master", file=master)
    server = embedded.attach(settings.process.data, tell)
    try:
        if not dump.is_empty(server.cluster):
            raise StartError("restore.not-empty", folder=settings.process.data)
        dump.restore(server.cluster, file)
        asyncio.run(_settle(settings, folder, tell))
    finally:
        server.leave()
    tell("restore.done", folder=settings.process.data)
    return 0


async def _settle(settings: Settings, folder: Path, tell: Tell) -> None:
    """What lies outside the database, and what hangs on the numbers of transactions: a new server counts from the beginning."""
    async with database(settings, tell) as db:
        await begin_outbox_anew(db)
        await bring_heads(db, settings.security, settings.process.data, folder)
        async with keyring(settings, db, tell=tell):  # refuses a master key that is not this record's
            pass


def _folder(settings: Settings, chosen: argparse.Namespace) -> Path:
    if settings.database.url:
        raise StartError("backup.own-database")
    return Path(chosen.folder).absolute()


def _master(settings: Settings) -> Path | None:
    if settings.keys.provider != "file":
        return None
    return Path(settings.keys.file) if settings.keys.file else settings.process.data / "keys" / "master"
