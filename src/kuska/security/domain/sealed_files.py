"""Files sealed as they pass: of any length, with little memory, and not one byte given out that was not checked. Pure.

    "KSF1" | number of the key | salt (32 bytes) | segments of 64 KiB, each with its own check (16 bytes)

Every file has a key of its own, derived from the data key of the purpose `attachments` and the salt (HKDF, RFC 5869); the
segments are AES-256-GCM, counted, the last one marked: the construction of Tink's streaming AEAD. Segments cannot be
left out, repeated, exchanged or taken from another file, and a file cannot end early. The context (such as
'Binary/123') is bound in.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kuska.security.domain.sealing import Cipher, number_of, prefix
from kuska.security.errors import SealBrokenError

_MAGIC = b"KSF1"
_SALT = 32
_SEGMENT = 64 * 1024
_CHECK = 16
_START = 7  # bytes of the nonce that all segments of a file share; then 4 that count, and 1 that marks the last
_MOST = 1 << 32  # segments: 256 TiB


class _Segments:
    """The key of one file, and the nonce of the next segment."""

    def __init__(self, key: bytes, salt: bytes, context: bytes) -> None:
        derived = HKDF(SHA256(), 32 + _START, salt, b"kuska file\0" + context).derive(key)
        self._aead = AESGCM(derived[:32])
        self._start = derived[32:]
        self._count = 0

    def seal(self, segment: bytes, *, last: bool) -> bytes:
        return self._aead.encrypt(self._nonce(last), segment, None)

    def open(self, segment: bytes, *, last: bool) -> bytes:
        try:
            return self._aead.decrypt(self._nonce(last), segment, None)
        except InvalidTag:
            raise SealBrokenError from None

    def _nonce(self, last: bool) -> bytes:
        if self._count >= _MOST:
            raise SealBrokenError
        nonce = self._start + self._count.to_bytes(4) + bytes([last])
        self._count += 1
        return nonce


class FileSealer:
    """`out = sealer.take(piece)` for every piece, `sealer.end()` for the rest. The pieces may have any length."""

    def __init__(self, cipher: Cipher, context: bytes) -> None:
        number, key = cipher.subkey()
        salt = os.urandom(_SALT)
        self._segments = _Segments(key, salt, context)
        self._out = _MAGIC + prefix(number) + salt
        self._waiting = bytearray()

    def take(self, piece: bytes) -> bytes:
        self._waiting += piece
        out, self._out = [self._out], b""
        # One segment stays behind: whether it is the last shows only at the end.
        while len(self._waiting) > _SEGMENT:
            out.append(self._segments.seal(bytes(self._waiting[:_SEGMENT]), last=False))
            del self._waiting[:_SEGMENT]
        return b"".join(out)

    def end(self) -> bytes:
        out, self._out = self._out, b""
        return out + self._segments.seal(bytes(self._waiting), last=True)


class FileOpener:
    """The way back. What `take` gives out is checked; that nothing is missing is known when `end` has not raised."""

    def __init__(self, cipher: Cipher, context: bytes) -> None:
        self._cipher = cipher
        self._context = context
        self._segments: _Segments | None = None
        self._waiting = bytearray()

    def take(self, piece: bytes) -> bytes:
        self._waiting += piece
        if self._segments is None and not self._begun():
            return b""
        out: list[bytes] = []
        while len(self._waiting) > _SEGMENT + _CHECK:
            out.append(self._open(self._waiting[: _SEGMENT + _CHECK], last=False))
            del self._waiting[: _SEGMENT + _CHECK]
        return b"".join(out)

    def end(self) -> bytes:
        if self._segments is None:
            raise SealBrokenError
        return self._open(self._waiting, last=True)

    def _open(self, segment: bytearray, *, last: bool) -> bytes:
        if self._segments is None:
            raise SealBrokenError
        return self._segments.open(bytes(segment), last=last)

    def _begun(self) -> bool:
        head = bytes(self._waiting[: len(_MAGIC) + 5 + _SALT])
        if not _MAGIC.startswith(head[: len(_MAGIC)]):
            raise SealBrokenError
        if len(head) < len(_MAGIC) + 5 + _SALT:
            return False  # the shortest file is longer: 4 + 1 + 32 + 16
        number, length = number_of(head[len(_MAGIC) :])
        start = len(_MAGIC) + length
        _, key = self._cipher.subkey(number)
        self._segments = _Segments(key, head[start : start + _SALT], self._context)
        del self._waiting[: start + _SALT]
        return True
