"""Ids, numbers and buckets: how a resource is found without asking anybody where it is.

* Every resource has a **rid**, a signed 64-bit number that all index rows carry. An id that this record minted carries
  its rid (positive, from a sequence, so rows arrive in order of time); any other id is hashed to a negative rid.
* Every resource lives in a **bucket** (0..4095), the shard key. A minted id carries its bucket.
* A minted id is a UUIDv8: 48 bits rid, 12 bits bucket, 62 bits keyed hash of both. The hash makes ids of other
  servers, and guesses, fall on the hashed side instead of on somebody else's rid.

See docs/adr/0002-shard-key.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

BUCKETS = 4096
ID_PATTERN = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_MINTED = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-8([0-9a-f]{3})-([89ab][0-9a-f]{3})-([0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a resource with this id lives if nothing else is known."""

    rid: int
    bucket: int
    minted: bool


def foreign_rid(text: str) -> int:
    """Negative number for 'Type/id' of an id that was not minted here, or for an absolute URL."""
    return -(int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) & 0x7FFF_FFFF_FFFF_FFFF) - 1


def spread(rid: int) -> int:
    """The bucket of a resource that belongs to no patient (or is the patient)."""
    return ((rid & 0xFFFF_FFFF_FFFF_FFFF) * 0x9E37_79B9_7F4A_7C15 & 0xFFFF_FFFF_FFFF_FFFF) >> 52


class Identities:
    """Mints and reads ids with the record's own key (kept in its database, made once)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def _mac(self, rid: int, bucket: int) -> str:
        digest = blake2b((rid << 12 | bucket).to_bytes(8), key=self._key, digest_size=8).digest()
        tail = int.from_bytes(digest) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        text = f"{tail:016x}"
        return f"{text[:4]}-{text[4:]}"

    def mint(self, rid: int, bucket: int) -> str:
        head = f"{rid:012x}"
        return f"{head[:8]}-{head[8:]}-8{bucket:03x}-{self._mac(rid, bucket)}"

    def address(self, type_: str, id_: str) -> Address:
        found = _MINTED.fullmatch(id_) if len(id_) == 36 else None
        if found is not None:
            rid = int(found[1] + found[2], 16)
            bucket = int(found[3], 16)
            if self._mac(rid, bucket) == f"{found[4]}-{found[5]}":
                return Address(rid, bucket, True)
        rid = foreign_rid(f"{type_}/{id_}")
        return Address(rid, spread(rid), False)
