"""Attach to a data folder's PostgreSQL server: start it if nobody has, share it otherwise.

    server = attach(Path("data"))      # seconds at most; a ClusterError says what is wrong and what to do
    ... connect to server.dsn() ...
    server.leave()                     # or just end, in any way: the last one to go takes the server down

While attached, the process holds `users.lock` shared. That lock is the registration: the kernel removes it when the
process ends, also by kill -9, and the keeper then stops the server (see keeper.py).
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from kuska.infra.postgres import keeper
from kuska.infra.postgres.cluster import (
    DATABASE,
    OWNER,
    SOCKET_NAME,
    Cluster,
    locks_folder,
    make_data_folder,
    open_cluster,
    prepare,
)
from kuska.infra.postgres.errors import ClusterError
from kuska.kit.messages import Tell, silent

_STOPPING = 90.0  # a server that is being stopped by its keeper gets this long to write its checkpoint
_STARTING = 300.0  # crash recovery of a large write-ahead log takes minutes
_LOG_LIMIT = 8 * 1024 * 1024


class Server:
    """This process's hold on the running server."""

    def __init__(self, cluster: Cluster, hold: int) -> None:
        self.cluster = cluster
        self._hold: int | None = hold
        threading.Thread(target=self._mind_the_keeper, name="keeper-watch", daemon=True).start()

    def dsn(self, database: str = DATABASE, role: str = OWNER) -> str:
        return self.cluster.dsn(database, role)

    @property
    def attached(self) -> bool:
        return self._hold is not None

    def leave(self) -> None:
        if self._hold is not None:
            hold, self._hold = self._hold, None
            os.close(hold)

    def _mind_the_keeper(self) -> None:
        """Sleeps in the kernel until the keeper dies; then sees to a new one while we are still here."""
        while self.attached:
            try:
                _await_free(self.cluster.data, "keeper.lock")
                if self.attached:
                    _ensure_running(self.cluster.data, silent)
            except FileNotFoundError:
                return  # the folder itself is gone: there is nothing left to keep
            except (ClusterError, OSError):
                time.sleep(5)


def attach(data: Path, progress: Tell = silent) -> Server:
    data = data.expanduser().absolute()
    make_data_folder(data)
    hold = _lock_file(data, "users.lock")
    try:
        _lock_within(hold, fcntl.LOCK_SH, _STOPPING, data)
        return Server(_ensure_running(data, progress), hold)
    except BaseException:
        os.close(hold)
        raise


def start(data_dir: Path) -> str:
    """Attach for the rest of this process's life; the data source name to connect with."""
    return attach(data_dir).dsn()


def _ensure_running(data: Path, progress: Tell) -> Cluster:
    starting = _lock_file(data, "start.lock")
    try:
        _lock_within(starting, fcntl.LOCK_EX, _STARTING, data)
        cluster = open_cluster(data)
        if not _is_locked(data, "keeper.lock"):
            if not cluster.folder.exists():
                progress("embedded.creating")
            if _is_locked(data, "server.lock"):
                progress("embedded.taking-over")
            else:
                _refuse_foreign_server(cluster)
                prepare(cluster)
            _spawn_keeper(cluster)
        _await_ready(cluster, progress)
        return cluster
    finally:
        os.close(starting)


def _spawn_keeper(cluster: Cluster) -> None:
    if cluster.log.exists() and cluster.log.stat().st_size > _LOG_LIMIT:
        cluster.log.replace(cluster.log.with_suffix(".log.1"))
    order = {
        "data": str(cluster.data),
        "sockets": str(cluster.sockets),
        "postgres": cluster.binaries.program("postgres"),
        "uid": cluster.account.other_uid,
        "gid": cluster.account.other_gid,
    }
    with cluster.log.open("ab") as log:
        cluster.log.chmod(0o600)
        keeper_process = subprocess.Popen(  # noqa: S603 - our own file, by the running interpreter
            [sys.executable, "-I", "-S", keeper.__file__, json.dumps(order)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
    deadline = time.monotonic() + 20
    while not _is_locked(cluster.data, "keeper.lock"):
        if keeper_process.poll() is not None or time.monotonic() > deadline:
            raise _failed(cluster)
        time.sleep(0.005)
    # Reap it whenever it ends, so that a long-lived process leaves no zombie.
    threading.Thread(target=keeper_process.wait, daemon=True).start()


def _await_ready(cluster: Cluster, progress: Tell) -> None:
    begun = time.monotonic()
    told = begun
    while time.monotonic() - begun < _STARTING:
        if _ready(cluster):
            return
        if not _is_locked(cluster.data, "keeper.lock"):
            raise _failed(cluster)
        if time.monotonic() - told > 2:
            progress("embedded.recovering")
            told = time.monotonic()
        time.sleep(0.01)
    raise _failed(cluster)


def _ready(cluster: Cluster) -> bool:
    """The server's own word, asked twice: a keeper that is about to start one has the lock, and beside it may lie what
    a dead server wrote. A server writes its file before it listens, so what the file says while one listens is its own.
    """
    return _says_ready(cluster) and _listens(cluster) and _says_ready(cluster)


def _says_ready(cluster: Cluster) -> bool:
    """Line 8 of the server's pid file."""
    try:
        lines = (cluster.folder / "postmaster.pid").read_text("ascii").splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready" and _is_locked(cluster.data, "server.lock")


def _listens(cluster: Cluster) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        try:
            caller.connect(str(cluster.sockets / SOCKET_NAME))
        except OSError:
            return False
        return True


def _refuse_foreign_server(cluster: Cluster) -> None:
    """A server that somebody started by hand on this folder has no server.lock; two servers would destroy it."""
    try:
        pid = int((cluster.folder / "postmaster.pid").read_text("ascii").split("\n", 1)[0])
        name = Path(f"/proc/{pid}/comm").read_text("ascii").strip()
        place = Path(f"/proc/{pid}/cwd").readlink()
    except (OSError, ValueError):
        return
    if name == "postgres" and place == cluster.folder.resolve():
        raise ClusterError("embedded.foreign-server", folder=str(cluster.folder), pid=pid)


def _failed(cluster: Cluster) -> ClusterError:
    try:
        said = cluster.log.read_text("utf-8", "replace").splitlines()[-6:]
    except OSError:
        said = []
    return ClusterError("embedded.did-not-start", folder=str(cluster.data), said="\n".join(said), log=str(cluster.log))


def _lock_file(data: Path, name: str) -> int:
    return os.open(locks_folder(data) / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _await_free(data: Path, name: str) -> None:
    lock = _lock_file(data, name)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


def _lock_within(descriptor: int, kind: int, seconds: float, data: Path) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ClusterError("embedded.busy", folder=str(data), seconds=int(seconds)) from None
            time.sleep(0.02)
        else:
            return


def _is_locked(data: Path, name: str) -> bool:
    """Held exclusively by somebody. Asked with a shared lock, so that two askers do not mistake each other for it."""
    descriptor = _lock_file(data, name)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
