"""Sealing of what is stored: AES-SIV (RFC 5297) with a data key per purpose. Pure.

    number of the key (1 byte up to 127) | 16 bytes check | the text, as long as before

AES-SIV needs no random number: the same text in the same place is the same bytes, which is what lets an unchanged
resource be recognised without opening it, and nothing is lost when a machine's randomness repeats. The context (whose it
is, where it lies) is bound in: sealed bytes that somebody moved to another row do not open.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from kuska.kit.clock import Clock, SystemClock
from kuska.security.errors import KeyMissingError, SealBrokenError

KEY_BYTES = 64  # AES-256-SIV: two keys of 256 bits
# What has a data key of its own. A key that leaks opens one of these, and each is rotated apart.
PURPOSES = (
    "record",  # bodies of FHIR resources and their history
    "attachments",  # files
    "signing-keys",  # private keys that sign tokens
    "factors",  # TOTP secrets
    "secrets",  # other secrets kept for use, such as those of partners
    "pseudonyms",  # whose token it is
    "pseudonym-index",  # by which the vault is searched; not rotated, because it is what a row is found by
)


@dataclass(frozen=True, slots=True)
class DataKey:
    number: int
    key: bytes
    since: datetime  # used for new texts from then on, when every process has it


def prefix(number: int) -> bytes:
    """The number as it stands before a sealed text: seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number_of(sealed: bytes | memoryview) -> tuple[int, int]:
    """The key's number, and where the rest begins."""
    number = shift = 0
    for place, byte in enumerate(sealed[:5]):
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place + 1
        shift += 7
    raise SealBrokenError


class Cipher:
    """Seals and opens for one purpose. Keys are put in by whoever keeps them; several may be readable, one writes."""

    def __init__(self, purpose: str, tenant: str = "", clock: Clock | None = None) -> None:
        self.purpose = purpose
        # Older texts than the current key's may exist: whoever compares sealed bytes has to look closer.
        self.mixed = False
        # Called when a text names a key that this process does not have (yet).
        self.on_missing: Callable[[], None] | None = None
        self._bound = f"{tenant}\0{purpose}".encode()
        self._clock = clock or SystemClock()
        self._open: dict[int, AESSIV] = {}
        self._since: dict[int, datetime] = {}
        self._raw: dict[int, bytes] = {}
        self._waiting: datetime | None = None
        self._number = 0
        self._prefix = b""

    def hold(self, keys: Iterable[DataKey]) -> None:
        """Exactly these from now on."""
        held = {key.number: key for key in keys}
        self._open = {number: AESSIV(key.key) for number, key in held.items()}
        self._raw = {number: key.key for number, key in held.items()}
        self._since = {number: key.since for number, key in held.items()}
        self._settle()

    @property
    def current(self) -> int:
        """Number of the key that seals; 0 when there is none."""
        self._look()
        return self._number

    @property
    def coming(self) -> datetime | None:
        """When a newer key takes over."""
        self._look()
        return self._waiting

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(sorted(self._open))

    @property
    def prefix(self) -> bytes:
        self._look()
        return self._prefix

    def seal(self, plain: bytes, context: bytes) -> bytes:
        if self._waiting is not None:
            self._look()
        if not self._number:
            raise KeyMissingError(self.purpose)
        return self._prefix + self._open[self._number].encrypt(plain, [self._bound, context])

    def open(self, sealed: bytes | memoryview, context: bytes) -> bytes:
        number, start = (sealed[0], 1) if sealed and sealed[0] < 0x80 else number_of(sealed)
        key = self._open.get(number)
        if key is None:
            if self.on_missing is not None:
                self.on_missing()
            raise KeyMissingError(self.purpose)
        try:
            return key.decrypt(memoryview(sealed)[start:], [self._bound, context])
        except InvalidTag:
            raise SealBrokenError from None

    def macs(self, text: bytes) -> list[bytes]:
        """Keyed hashes of `text`, by the current key first: to find a row without saying what it is about."""
        self._look()
        if len(self._raw) == 1:
            return [self._mac(key, text) for key in self._raw.values()]
        order = sorted(self._raw, key=lambda number: number != self._number)
        return [self._mac(self._raw[number], text) for number in order]

    def subkey(self, number: int | None = None) -> tuple[int, bytes]:
        """The key that another construction derives its own from: the current one, or the one named."""
        self._look()
        number = self._number if number is None else number
        if number not in self._raw:
            if self.on_missing is not None:
                self.on_missing()
            raise KeyMissingError(self.purpose)
        return number, self._raw[number]

    def _mac(self, key: bytes, text: bytes) -> bytes:
        return hmac.digest(key, self._bound + b"\0" + text, "sha256")[:16]

    def _look(self) -> None:
        if self._waiting is not None and self._clock.now() >= self._waiting:
            self._settle()

    def _settle(self) -> None:
        now = self._clock.now()
        due = [number for number, since in self._since.items() if since <= now] or list(self._since)[:1]
        coming = [since for since in self._since.values() if since > now]
        self._number = max(due, default=0)
        self._prefix = prefix(self._number)
        self._waiting = min(coming, default=None)


class Ring:
    """The ciphers of all purposes; what other parts of security get as their `Sealer`."""

    def __init__(self, ciphers: Mapping[str, Cipher]) -> None:
        self._ciphers = ciphers

    def cipher(self, purpose: str) -> Cipher:
        return self._ciphers[purpose]

    def seal(self, purpose: str, plain: bytes, context: bytes) -> bytes:
        return self._ciphers[purpose].seal(plain, context)

    def open(self, purpose: str, sealed: bytes, context: bytes) -> bytes:
        return self._ciphers[purpose].open(sealed, context)


def passing_ring() -> Ring:
    """Keys that end with the process: for tests and tools that keep nothing."""
    ciphers = {purpose: Cipher(purpose) for purpose in PURPOSES}
    for cipher in ciphers.values():
        cipher.hold([DataKey(1, os.urandom(KEY_BYTES), datetime(1970, 1, 1, tzinfo=UTC))])
    return Ring(ciphers)
