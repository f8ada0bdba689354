"""The keeper: starts one cluster's server, starts it again when it dies, stops it when its last user has left.

It is run by its path with nothing but the standard library, so that it stays small (about 10 MB) and starts at once.
It never polls: the kernel's file locks say everything, and they are let go by every kind of death.

    users.lock    held shared by every attached process; who gets it exclusively knows that nobody is left
    keeper.lock   held exclusively by the living keeper
    server.lock   an open file that the server inherits, held exclusively as long as any process of it lives

Only when server.lock is ours may a left-over `postmaster.pid` be removed: then it is certainly stale, whatever process
has its number today. A keeper that was killed leaves the server running; the next keeper finds server.lock held and
takes over.
"""

from __future__ import annotations

import fcntl
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

_CALM = 60.0  # seconds a server must have lived for its death to count as a single accident
_ATTEMPTS = 5
_LEFTOVER_PATIENCE = 3.0  # seconds that a killed server's processes get to notice


class Keeper:
    def __init__(self, order: dict[str, str | int | None]) -> None:
        self.data = Path(str(order["data"]))
        self.folder = self.data / "postgres"
        self.locks = self.data / ".kuska"
        self.order = order
        self.events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.child: subprocess.Popen[bytes] | None = None

    def keep(self) -> int:
        held = self._open("keeper.lock")
        fcntl.flock(held, fcntl.LOCK_EX)  # free but for a moment's look by others: starters are serialised
        threading.Thread(target=self._await_last_user, daemon=True).start()
        server = self._open("server.lock")
        if _taken(server):
            self._start(server)
        else:
            os.close(server)  # a former keeper's server lives: take over
        code = self._watch()
        os.close(held)  # before users.lock goes, so that a newcomer sees at once that it has to start a keeper
        return code

    def _watch(self) -> int:
        deaths: list[float] = []
        while True:
            threading.Thread(target=self._await_server_end, daemon=True).start()
            event = self.events.get()
            if event == "nobody left":
                self._stop()
                return 0
            deaths = [moment for moment in deaths if time.monotonic() - moment < _CALM] + [time.monotonic()]
            if len(deaths) > _ATTEMPTS or self._gave_up():
                return 1
            self._say("the server ended unexpectedly; starting it again")
            time.sleep(0.2 * (len(deaths) - 1))
            self._start(int(event))

    def _gave_up(self) -> bool:
        """Exit code 1 is PostgreSQL's own decision (damaged or unfit folder): trying again changes nothing."""
        return self.child is not None and self.child.wait() == 1

    def _start(self, server: int) -> None:
        """With server.lock held: no process of this cluster is alive."""
        for stale in (self.folder / "postmaster.pid", *Path(str(self.order["sockets"])).glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)
        uid, gid = self.order["uid"], self.order["gid"]
        with self._log() as log:
            self.child = subprocess.Popen(  # noqa: S603 - the program that embedded.py chose
                [str(self.order["postgres"]), "-D", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                pass_fds=[server],
                start_new_session=True,
                user=None if uid is None else int(uid),
                group=None if gid is None else int(gid),
                extra_groups=None if uid is None else [],
            )
        os.close(server)  # from now on it is the server's alone

    def _stop(self) -> None:
        """Fast: running transactions are rolled back, a checkpoint is written."""
        for request, patience in ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            pid = self._server_pid()
            if pid is None:
                return
            try:
                os.kill(pid, request)
                event = self.events.get(timeout=patience)
            except ProcessLookupError:
                return
            except queue.Empty:
                continue
            os.close(int(event))
            return

    def _server_pid(self) -> int | None:
        if self.child is not None:
            return self.child.pid if self.child.poll() is None else None
        try:
            return int((self.folder / "postmaster.pid").read_text("ascii").split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    def _await_last_user(self) -> None:
        users = self._open("users.lock")
        fcntl.flock(users, fcntl.LOCK_EX)  # stays ours to the end: newcomers wait until the server is down
        self.events.put("nobody left")

    def _await_server_end(self) -> None:
        server = self._open("server.lock")
        if self.child is not None:
            self.child.wait()
            if not _taken(server, _LEFTOVER_PATIENCE):
                self._end_leftovers()
        fcntl.flock(server, fcntl.LOCK_EX)
        self.events.put(str(server))

    def _end_leftovers(self) -> None:
        """Server processes that are too busy to notice that their postmaster was killed; they can do nothing more."""
        lock = self.locks / "server.lock"
        for process in Path("/proc").glob("[0-9]*"):
            try:
                of_postgres = (process / "comm").read_text("ascii").startswith("postgres")
                if of_postgres and any(fd.samefile(lock) for fd in process.glob("fd/*")):
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                continue

    def _open(self, name: str) -> int:
        return os.open(self.locks / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _log(self) -> BinaryIO:
        return (self.data / "postgres.log").open("ab")

    def _say(self, text: str) -> None:
        with self._log() as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())} [keeper] {text}\n".encode())


def _taken(lock: int, seconds: float = 0.3) -> bool:
    """Somebody who only looks holds the lock shared for microseconds: insist for a moment."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return True
    return False


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.exit(Keeper(json.loads(sys.argv[1])).keep())
