"""The life of the embedded server on its bad days. Real clusters with the real, durable settings."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from tests.infra.postgres.life import (
    USER,
    answers,
    ask,
    end,
    keeper,
    postmaster,
    start_user,
    wait_until,
    wait_until_stopped,
)

from kuska.infra.postgres import embedded
from kuska.infra.postgres.cluster import SOCKET_NAME, SUPERUSER, open_cluster

pytestmark = pytest.mark.requirement("HC-01")


def test_it_starts_within_seconds_and_stops_with_its_user(data: Path) -> None:
    begun = time.monotonic()
    server = embedded.attach(data)
    assert time.monotonic() - begun < 30  # about one on an idle machine
    assert ask(server, "select 1") == 1
    server.leave()
    wait_until_stopped(data)
    assert not (data / "postgres" / "postmaster.pid").exists()


def test_it_is_durable_closed_and_independent_of_the_locale(data: Path) -> None:
    server = embedded.attach(data)
    settings = ["fsync", "synchronous_commit", "full_page_writes", "data_checksums"]
    assert [ask(server, f"show {name}") for name in settings] == ["on"] * 4
    assert ask(server, "show listen_addresses") == ""
    assert (
        ask(
            server, "select pg_encoding_to_char(encoding) || ' ' || datcollate from pg_database where datname = 'kuska'"
        )
        == "UTF8 C"
    )
    assert ask(server, "select rolsuper from pg_roles where rolname = current_user") is False
    assert (data / "postgres").stat().st_mode & 0o077 == 0
    server.leave()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user to try")
def test_another_user_of_the_machine_does_not_get_in(data: Path) -> None:
    server = embedded.attach(data)
    child = os.fork()
    if child == 0:
        code = 2
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            code = 1
            socket.socket(socket.AF_UNIX).connect(str(data / "postgres" / ".s.PGSQL.5432"))
        except PermissionError:
            code -= 1  # 0 only when it was the socket that refused
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    server.leave()
    assert code == 0


def test_a_second_process_attaches_and_the_last_one_takes_it_down(data: Path) -> None:
    first, second = start_user(data), start_user(data)
    running = postmaster(data)
    first.communicate("")
    server = embedded.attach(data)
    assert postmaster(data) == running
    end(second)
    assert ask(server, "select 1") == 1
    assert postmaster(data) == running
    server.leave()
    wait_until_stopped(data)


def test_killed_users_take_it_down_too(data: Path) -> None:
    end(start_user(data))
    wait_until_stopped(data)


def test_many_at_once_start_one_server(data: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", USER, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "attached\n"
    starts = (data / "postgres.log").read_text().count("starting PostgreSQL")
    for process in processes:
        end(process)
    assert starts == 1


def test_a_killed_server_comes_back_with_everything_confirmed(data: Path) -> None:
    server = embedded.attach(data)
    ask(server, "create table note as select 'hola' as text")
    killed = postmaster(data)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: answers(server) and postmaster(data) != killed)
    assert ask(server, "select text from note") == "hola"
    server.leave()


_AT_WORK = "select exists (select from pg_stat_activity where state = 'active' and query like '%4000000000%' and pid <> pg_backend_pid())"


async def _busy(dsn: str) -> None:
    conn = await asyncpg.connect(dsn)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await conn.fetchval("select count(*) from generate_series(1, 4000000000)")


def test_a_killed_server_with_a_busy_statement_comes_back_soon(data: Path) -> None:
    server = embedded.attach(data)
    killed = postmaster(data)

    async def kill_while_busy() -> None:
        busy = asyncio.create_task(_busy(server.dsn()))
        watching = await asyncpg.connect(server.dsn(role=SUPERUSER))
        while not await watching.fetchval(_AT_WORK):
            await asyncio.sleep(0.01)
        watching.terminate()
        os.kill(killed, signal.SIGKILL)
        await busy

    asyncio.run(kill_while_busy())
    wait_until(lambda: answers(server) and postmaster(data) != killed, seconds=60)
    server.leave()


def test_a_killed_keeper_is_replaced_without_a_pause(data: Path) -> None:
    server = embedded.attach(data)
    running, killed = postmaster(data), keeper(data)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: embedded._is_locked(data, "keeper.lock"))
    assert postmaster(data) == running
    assert ask(server, "select 1") == 1
    server.leave()
    wait_until_stopped(data)


def test_a_folder_that_is_gone_is_minded_no_longer(data: Path, tmp_path: Path) -> None:
    minder = object.__new__(embedded.Server)
    minder.cluster = replace(open_cluster(data), data=tmp_path / "gone")
    minder._hold = 0
    minder._mind_the_keeper()  # ends


def test_everything_killed_at_once(data: Path) -> None:
    user = start_user(data)
    asyncio_server = embedded.attach(data)
    ask(asyncio_server, "create table note as select 'hola' as text")
    victims = [keeper(data), postmaster(data)]
    asyncio_server._hold, hold = None, asyncio_server._hold  # this process stops minding
    assert hold is not None
    os.close(hold)
    end(user)
    for victim in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not embedded._is_locked(data, "server.lock"))
    server = embedded.attach(data)
    assert ask(server, "select text from note") == "hola"
    server.leave()


def _leave_a_stale_pid_file(data: Path) -> None:
    (data / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{data}/postgres\n0\n5432\n\n\n\nready   \n")


def test_a_stale_pid_file_is_not_believed_while_a_keeper_is_about_to_start_the_server(data: Path) -> None:
    _leave_a_stale_pid_file(data)
    cluster = open_cluster(data)
    about_to_start = os.open(data / ".kuska" / "server.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(about_to_start, fcntl.LOCK_EX)
    assert not embedded._ready(cluster)
    left = socket.socket(socket.AF_UNIX)  # as a dead server leaves it: there, and nobody behind it
    left.bind(str(cluster.sockets / SOCKET_NAME))
    left.close()
    assert not embedded._ready(cluster)
    os.close(about_to_start)


def test_a_stale_pid_file_with_the_number_of_a_living_process(data: Path) -> None:
    _leave_a_stale_pid_file(data)
    server = embedded.attach(data)
    assert ask(server, "select 1") == 1
    server.leave()


def test_an_operators_own_settings_win(data: Path) -> None:
    (data / "postgres" / "local.conf").write_text("work_mem = '17MB'\n")
    server = embedded.attach(data)
    assert ask(server, "show work_mem") == "17MB"
    server.leave()


def test_statistics_come_by_themselves(data: Path) -> None:
    (data / "postgres" / "local.conf").write_text("autovacuum_naptime = 1s\n")
    server = embedded.attach(data)
    ask(server, "create table load as select g from generate_series(1, 50000) g")
    wait_until(
        lambda: bool(ask(server, "select last_autoanalyze is not null from pg_stat_user_tables where relname = 'load'"))
    )
    server.leave()


def test_the_superuser_is_there_for_the_operator(data: Path) -> None:
    server = embedded.attach(data)
    assert ask(server, "select rolsuper from pg_roles where rolname = current_user", role=SUPERUSER) is True
    server.leave()
