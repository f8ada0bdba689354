"""The migration runner: plain SQL files, each applied once, in its own transaction, under one advisory lock.

A context keeps its files in `kuska/<context>/migrations/YYYYMMDD_NN_pre|post_<what>.sql`. `pre` files make room for new
code and go before it is deployed; `post` files clear away what only old code needed. A file that ends in `.citus.sql`
runs only where the citus extension is installed (and later, when it comes). An applied file may not change any more.
The first line `-- no transaction` is for what PostgreSQL cannot do in one (create index concurrently).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable

import asyncpg

from kuska.infra.postgres.errors import MigrationError, border
from kuska.kit.messages import Tell, silent

_NAME = re.compile(r"(?P<day>\d{8})_(?P<number>\d\d)_(?P<phase>pre|post)_[a-z0-9_]+(?P<citus>\.citus)?\.sql")
_LOCK = 0x6B75736B61  # 'kuska'; one migration at a time per database
_LOCK_TIMEOUT = "5s"  # a migration that waits for a table makes everybody behind it wait

_REGISTER = """
create schema if not exists kuska;
create table if not exists kuska.migration (
    context text not null,
    name text not null,
    checksum text not null,
    applied timestamptz not null default now(),
    primary key (context, name)
);
"""


class Phase(StrEnum):
    PRE = "pre"
    POST = "post"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Migration:
    context: str
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def phase(self) -> str:
        return "post" if "_post_" in self.name else "pre"

    @property
    def citus(self) -> bool:
        return self.name.endswith(".citus.sql")

    @property
    def in_transaction(self) -> bool:
        return not self.sql.startswith("-- no transaction")


def discovered(package: str = "kuska") -> list[Migration]:
    """Every context's files, in the order they run."""
    found = [
        Migration(context.name, file.name, file.read_text("utf-8"))
        for context in files(package).iterdir()
        if context.is_dir() and (folder := context / "migrations").is_dir()
        for file in _sql_files(folder)
    ]
    # By day and number over all contexts; a citus step comes after the plain file of the same stem.
    return sorted(found, key=lambda m: (m.name.removesuffix(".sql").removesuffix(".citus"), m.citus, m.context))


def _sql_files(folder: Traversable) -> Iterable[Traversable]:
    for file in folder.iterdir():
        if file.name.endswith(".sql"):
            if not _NAME.fullmatch(file.name):
                raise MigrationError("migration.bad-name", name=file.name)
            yield file


async def migrate(
    dsn: str,
    migrations: Iterable[Migration] | None = None,
    *,
    phase: Phase = Phase.ALL,
    progress: Tell = silent,
) -> list[str]:
    """Brings the database up to date; the names of what was applied now."""
    wanted = discovered() if migrations is None else list(migrations)
    with border():
        conn = await asyncpg.connect(dsn, server_settings={"application_name": "kuska migrate", "jit": "off"})
    try:
        await conn.execute("select pg_advisory_lock($1)", _LOCK)
        await conn.execute(_REGISTER)
        pending = await _pending(conn, wanted, phase)
        for migration in pending:
            progress("migration.applying", name=f"{migration.context}/{migration.name}")
            await _apply(conn, migration)
        return [migration.name for migration in pending]
    finally:
        await conn.close()


async def pending(dsn: str) -> list[str]:
    """What `migrate` would do; for readiness checks and `kuska doctor`."""
    with border():
        conn = await asyncpg.connect(dsn)
    try:
        if await conn.fetchval("select to_regclass('kuska.migration') is null"):
            return [migration.name for migration in discovered()]
        return [migration.name for migration in await _pending(conn, discovered(), Phase.ALL)]
    finally:
        await conn.close()


async def _pending(conn: asyncpg.Connection, wanted: list[Migration], phase: Phase) -> list[Migration]:
    rows = await conn.fetch("select context, name, checksum from kuska.migration")
    applied = {(row["context"], row["name"]): row["checksum"] for row in rows}
    known = {(migration.context, migration.name) for migration in wanted}
    for context, name in applied:
        if (context, name) not in known:
            raise MigrationError("migration.from-newer-version", name=f"{context}/{name}")
    for migration in wanted:
        if applied.get((migration.context, migration.name), migration.checksum) != migration.checksum:
            raise MigrationError("migration.changed", name=f"{migration.context}/{migration.name}")
    citus = await conn.fetchval("select exists (select from pg_extension where extname = 'citus')")
    return [
        migration
        for migration in wanted
        if (migration.context, migration.name) not in applied
        and phase in {Phase.ALL, migration.phase}
        and (citus or not migration.citus)
    ]


async def _apply(conn: asyncpg.Connection, migration: Migration) -> None:
    register = "insert into kuska.migration (context, name, checksum) values ($1, $2, $3)"
    values = (migration.context, migration.name, migration.checksum)
    try:
        await conn.execute(f"set lock_timeout = '{_LOCK_TIMEOUT}'; set statement_timeout = 0")
        if migration.in_transaction:
            async with conn.transaction():
                await conn.execute(migration.sql)
                await conn.execute(register, *values)
        else:
            await conn.execute(migration.sql)
            await conn.execute(register, *values)
    except asyncpg.PostgresError as error:
        raise MigrationError(
            "migration.failed", name=f"{migration.context}/{migration.name}", said=str(error)
        ) from error
