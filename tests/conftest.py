"""One PostgreSQL for all test runs, one database per test worker, cloned from a template that is migrated once.

The server lives in build/postgres-test and stops with its last user; a second run attaches or starts in a moment. It
does not wait for the disk (fsync off): the durability of the real settings has its own tests. With
KUSKA_TEST_DATABASE_URL the run uses that server instead (its role must be allowed to create databases).

With KUSKA_TEST_CITUS_URL (`make test-citus`) everything runs in that one database of a Citus coordinator: its schema
`fhir` is dropped and made anew, distributed, and "fresh" means emptied (`security` too, which is local there). Not for a database that holds anything.

    dsn        a migrated database of this worker's own, for the whole run; tests share it, so use your own ids
    db         Database on it
    fresh_dsn  a migrated, empty database for one test (about 0.1 s)
    fresh_db   Database on it

Each run has a base folder of its own for `tmp_path`. pytest's usual one is shared by all runs of a user and closed to
others at each start; the servers of another run, whose account has to pass through it, would find it closed under them.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import structlog
import uvloop
from hypothesis import HealthCheck, settings

from kuska.infra.postgres import embedded, migrate
from kuska.infra.postgres.cluster import SUPERUSER
from kuska.infra.postgres.database import Database, Limits

# The same examples at every run; KUSKA_TEST_RANDOM=1 looks for new ones.
# No limits of time on examples: they would measure how busy the machine is.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", _PATIENT, derandomize=True)
settings.register_profile("new", _PATIENT, derandomize=False, database=settings.get_profile("default").database)
settings.load_profile("new" if os.environ.get("KUSKA_TEST_RANDOM") else "same")

ROOT = Path(__file__).parents[1]
_FOLDER = ROOT / "build" / "postgres-test"
_LIMITS = Limits(read_connections=4, write_connections=4)
_NAME = re.compile(r"test_(\d+)_\w+")
_CITUS = os.environ.get("KUSKA_TEST_CITUS_URL")


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the product runs on."""
    return {"uvloop": uvloop.new_event_loop}


_BASE = "kuska-tests-"


_CORPORA = ("fhir-examples-r4", "fhir-patch-r4", "fhir-validation-r4", "fhirpath-r4")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if given := config.getoption("--corpus"):
        missing = [name for name in _CORPORA if not (Path(given) / name).is_dir()]
        if missing:
            raise pytest.UsageError(
                f"--corpus={given}: no {', '.join(missing)} there; without --corpus they are left out"
            )
    if config.option.basetemp is None:  # workers are given a folder in it
        for left in Path(tempfile.gettempdir()).glob(f"{_BASE}*"):
            if not _alive(int(left.name.removeprefix(_BASE))):
                shutil.rmtree(left, ignore_errors=True)
        config.option.basetemp = str(Path(tempfile.gettempdir()) / f"{_BASE}{os.getpid()}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--corpus", default=None, help="folder of third-party test data (default: ../shared/corpora)")


@pytest.fixture(autouse=True)
def _log_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test that sets up the log, also by starting a command, sets it up for itself: the next one hears as usual."""
    configure = structlog.configure
    # A logger that was used once would keep the set-up of that moment for ever.
    monkeypatch.setattr(
        structlog, "configure", lambda **given: configure(**given | {"cache_logger_on_first_use": False})
    )
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root.handlers = handlers
        root.setLevel(level)


@pytest.fixture(scope="session")
def server_dsn() -> Iterator[str]:
    """Of a role that may create databases."""
    if given := _CITUS or os.environ.get("KUSKA_TEST_DATABASE_URL"):
        yield given
        return
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with _alone("server.lock"):
        local = _FOLDER / "postgres" / "local.conf"
        if not local.exists():
            embedded.attach(_FOLDER).leave()
        local.write_text("fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nshared_buffers = 256MB\n")
        server = embedded.attach(_FOLDER)
    yield server.dsn("postgres", SUPERUSER)
    server.leave()


@pytest.fixture(scope="session")
async def template(server_dsn: str) -> str:
    if _CITUS:
        await _remake(_CITUS)
        return ""
    wanted = migrate.discovered()
    digest = hashlib.blake2s("".join(m.name + m.checksum for m in wanted).encode(), digest_size=6).hexdigest()
    name = f"template_{digest}"
    with _alone("template.lock"):
        conn = await asyncpg.connect(server_dsn)
        try:
            await _sweep(conn)
            if not await conn.fetchval("select exists (select from pg_database where datname = $1)", name):
                await conn.execute(f"drop database if exists {name}_new")
                await conn.execute(f"create database {name}_new")
                await migrate.migrate(_with_database(server_dsn, f"{name}_new"))
                await conn.execute(f"alter database {name}_new rename to {name}")
        finally:
            await conn.close()
    return name


@pytest.fixture(scope="session")
async def dsn(server_dsn: str, template: str) -> AsyncIterator[str]:
    async with _clone(server_dsn, template) as cloned:
        yield cloned


@pytest.fixture(scope="session")
async def db(dsn: str) -> AsyncIterator[Database]:
    database = await Database.open(dsn, _LIMITS)
    yield database
    await database.close()


@pytest.fixture
async def fresh_dsn(server_dsn: str, template: str) -> AsyncIterator[str]:
    async with _clone(server_dsn, template) as cloned:
        yield cloned


@pytest.fixture
async def fresh_db(fresh_dsn: str) -> AsyncIterator[Database]:
    database = await Database.open(fresh_dsn, _LIMITS)
    yield database
    await database.close()


@asynccontextmanager
async def _clone(server_dsn: str, template: str) -> AsyncIterator[str]:
    if _CITUS:
        await _empty(_CITUS)
        yield _CITUS
        return
    name = f"test_{os.getpid()}_{secrets.token_hex(4)}"
    conn = await asyncpg.connect(server_dsn)
    try:
        await conn.execute(f"create database {name} template {template}")
        yield _with_database(server_dsn, name)
        await conn.execute(f"drop database if exists {name} with (force)")
    finally:
        await conn.close()


async def _remake(url: str) -> None:
    conn = await asyncpg.connect(url)
    try:
        for schema in ("fhir", "security", "kuska"):
            await conn.execute(f"drop schema if exists {schema} cascade")
    finally:
        await conn.close()
    await migrate.migrate(url)


# One row each, which the migrations put there.
_SEEDED = {"epoch", "consent_state", "trail"}


async def _empty(url: str) -> None:
    conn = await asyncpg.connect(url)
    try:
        tables = await conn.fetch(
            "select tablename from pg_tables where schemaname = 'fhir' and tablename <> 'setting'"
        )
        for row in tables:
            await conn.execute(f"truncate fhir.{row['tablename']}")
        theirs = await conn.fetch("select tablename from pg_tables where schemaname = 'security'")
        # At once: they refer to each other.
        names = sorted({row["tablename"] for row in theirs} - _SEEDED)
        await conn.execute("truncate " + ", ".join(f"security.{name}" for name in names))
    finally:
        await conn.close()


async def _sweep(conn: asyncpg.Connection) -> None:
    """Databases of runs that were killed."""
    for row in await conn.fetch("select datname from pg_database where datname like 'test\\_%'"):
        match = _NAME.fullmatch(row["datname"])
        if match and not _alive(int(match.group(1))):
            await conn.execute(f"drop database if exists {row['datname']} with (force)")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _alone(name: str) -> Iterator[None]:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _with_database(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
