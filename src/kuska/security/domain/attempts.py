"""How long to wait after failed attempts, and by what they are counted. Pure.

Three counters. The *login*'s slows down who guesses one person's password, from wherever. The *address*'s slows down
who tries one password on many logins. The *pair* of both replaces the two once the login was signed in from that
address: neither a stranger elsewhere nor one behind the same hospital's address can keep its owner out. No delay is longer than `most`: nobody is shut out for good.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address


@dataclass(frozen=True, slots=True)
class Patience:
    """After `free` failures each further one doubles the wait, from one second up to `most`."""

    free: int
    most: float


@dataclass(frozen=True, slots=True)
class Keys:
    login: bytes
    address: bytes
    pair: bytes

    @classmethod
    def of(cls, what: str, tenant: str, login: str, address: str) -> Keys:
        """`what` is tried: signing in and asking for mails are counted apart."""
        place = network(address)
        return cls(
            _key(what, "login", tenant, login), _key(what, "address", place), _key(what, "pair", tenant, login, place)
        )


def network(address: str) -> str:
    """What one subscriber has: an IPv4 address, or the first 64 bits of an IPv6 one."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return found.exploded[:19]
    return str(found)


def _key(*parts: str) -> bytes:
    digest = hashlib.blake2b(digest_size=16, person=b"kuska-attempt")
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(4) + text)
    return digest.digest()
