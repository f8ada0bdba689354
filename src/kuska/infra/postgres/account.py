"""The operating-system account that PostgreSQL runs as, and its way to the data folder.

PostgreSQL refuses to run as root. Started by root, it runs as the owner of an existing data folder, or as the system
account `kuska`, which is made when missing. That account gets passage (execute only, by an access-control entry for it
alone) through folders that are closed to others, such as /root; nobody else gains anything.
"""

from __future__ import annotations

import os
import pwd
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kuska.infra.postgres.errors import ClusterError

NAME = "kuska"


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int

    @property
    def foreign(self) -> bool:
        """Not the account of this process."""
        return self.uid != os.geteuid()

    @property
    def other_uid(self) -> int | None:
        return self.uid if self.foreign else None

    @property
    def other_gid(self) -> int | None:
        return self.gid if self.foreign else None


def account_for(cluster: Path) -> Account:
    mine = os.geteuid()
    owner = cluster.stat().st_uid if cluster.exists() else None
    if mine != 0:
        if owner not in {None, mine}:
            raise ClusterError("embedded.wrong-owner", folder=str(cluster), owner=_name(owner), user=_name(mine))
        return _account(mine)
    if owner == 0:
        raise ClusterError("embedded.owned-by-root", folder=str(cluster), user=NAME)
    return _account(owner) if owner is not None else _own_account()


def _name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return str(uid)


def _account(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as missing:
        raise ClusterError("embedded.no-account", uid=uid) from missing
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _own_account() -> Account:
    try:
        return _account(pwd.getpwnam(NAME).pw_uid)
    except KeyError:
        pass
    if useradd := shutil.which("useradd"):
        subprocess.run(  # noqa: S603 - fixed arguments
            [useradd, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME],
            check=False,
            capture_output=True,
        )
    for name in (NAME, "postgres"):
        try:
            return _account(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise ClusterError("embedded.no-system-account", user=NAME)


def grant_passage(account: Account, target: Path) -> None:
    """Let the account reach `target` through each folder above it that it cannot pass."""
    if may(account, target.parent, os.X_OK):
        return
    for folder in reversed(target.resolve().parents):
        if not may(account, folder, os.X_OK):
            try:
                _add_passage(folder, account.uid)
            except OSError as failure:
                raise ClusterError("embedded.no-passage", folder=str(folder), user=account.name) from failure


def may(account: Account, path: Path, mode: int) -> bool:
    """Asked of the kernel by a child under that account: it knows groups and access-control lists."""
    if not account.foreign:
        return os.access(path, mode)
    flag = {os.X_OK: "-x", os.R_OK: "-r", os.W_OK: "-w"}[mode]
    asked = subprocess.run(  # noqa: S603 - fixed program
        ["/usr/bin/test", flag, str(path)], user=account.uid, group=account.gid, extra_groups=[], check=False, cwd="/"
    )
    return asked.returncode == 0


# The kernel's form of an access-control list: version, then (tag, permission, id) per entry.
_USER_OBJ, _USER, _GROUP_OBJ, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NO_ID = 0xFFFFFFFF
_ATTRIBUTE = "system.posix_acl_access"


def _add_passage(folder: Path, uid: int) -> None:
    mode = folder.stat().st_mode
    try:
        raw = os.getxattr(folder, _ATTRIBUTE)
        entries = [e for e in struct.iter_unpack("<HHI", raw[4:]) if (e[0], e[2]) != (_USER, uid)]
    except OSError:
        entries = [
            (_USER_OBJ, mode >> 6 & 7, _NO_ID),
            (_GROUP_OBJ, mode >> 3 & 7, _NO_ID),
            (_MASK, mode >> 3 & 7, _NO_ID),
            (_OTHER, mode & 7, _NO_ID),
        ]
    entries = [(tag, perm | 1, who) if tag == _MASK else (tag, perm, who) for tag, perm, who in entries]
    entries.append((_USER, 1, uid))
    entries.sort(key=lambda e: (e[0], e[2]))
    packed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)
    os.setxattr(folder, _ATTRIBUTE, packed)
