"""Provider `file`: master keys in a file that only its owner can read. One line per key, the newest last."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kuska.infra.keys.master import MasterError, Wrapped

_NONCE = 12
_HEAD = """\
# Kuska's master key. Whoever has this file and the database can read the record; whoever has lost it has lost the
# record. Keep a copy of it in a safe place, apart from the backups of the database.
"""


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"kuska master" + key).hexdigest()[:12]


class FileMaster:
    name = "file"

    def __init__(self, path: Path, made: Callable[[Path], None] = lambda _: None) -> None:
        """`made` is told when the file had to be made, to say that it must be backed up."""
        self.path = path
        self._made = made

    async def wrap(self, key: bytes, context: str) -> Wrapped:
        if not self.path.exists():
            self._create()
        master = self._keys()[-1]
        nonce = secrets.token_bytes(_NONCE)
        return Wrapped(self.name, _fingerprint(master), nonce + AESGCM(master).encrypt(nonce, key, context.encode()))

    async def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        if not self.path.exists():
            raise MasterError("keys.file-gone", file=str(self.path), master=wrapped.master)
        known = {_fingerprint(key): key for key in self._keys()}
        if wrapped.master not in known:
            raise MasterError(
                "keys.file-other", file=str(self.path), master=wrapped.master, found=", ".join(known) or "-"
            )
        nonce, text = wrapped.text[:_NONCE], wrapped.text[_NONCE:]
        try:
            return AESGCM(known[wrapped.master]).decrypt(nonce, text, context.encode())
        except InvalidTag:
            raise MasterError("keys.wrapped-broken") from None

    async def renew(self) -> None:
        """A new line; the old ones stay until everything is wrapped anew."""
        self._write([*self._keys(), secrets.token_bytes(32)])

    async def forget_old(self) -> None:
        self._write(self._keys()[-1:])

    def check(self) -> bool:
        """Whether there is one; raises MasterError when it cannot be used as it is."""
        return self.path.exists() and bool(self._keys())

    def _create(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._place([secrets.token_bytes(32)], os.link):
            self._made(self.path)

    def _write(self, keys: Sequence[bytes]) -> None:
        self._place(keys, os.replace)

    def _place(self, keys: Sequence[bytes], into: Callable[[Path, Path], None]) -> bool:
        """Whole or not at all, also after a power cut. False: another process was first."""
        new = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(_HEAD + "".join(base64.b64encode(key).decode() + "\n" for key in keys))
                file.flush()
                os.fsync(file.fileno())
            into(new, self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except FileExistsError:
            return False
        except OSError as error:
            raise MasterError("keys.file-unwritable", file=str(self.path), reason=error.strerror) from error
        finally:
            new.unlink(missing_ok=True)
        return True

    def _keys(self) -> list[bytes]:
        try:
            with self.path.open("rb") as file:
                state = os.fstat(file.fileno())
                text = file.read(65_536)
        except OSError as error:
            raise MasterError("keys.file-unreadable", file=str(self.path), reason=error.strerror) from error
        if state.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise MasterError("keys.file-open", file=str(self.path), mode=f"{stat.S_IMODE(state.st_mode):o}")
        if state.st_uid not in {0, os.geteuid()}:
            raise MasterError("keys.file-owner", file=str(self.path), owner=state.st_uid)
        lines = [line.strip() for line in text.splitlines()]
        try:
            keys = [base64.b64decode(line, validate=True) for line in lines if line and not line.startswith(b"#")]
        except binascii.Error:
            keys = []
        if not keys or any(len(key) != 32 for key in keys):
            raise MasterError("keys.file-damaged", file=str(self.path))
        return keys
