"""Which addresses an outgoing call may reach: those of the public internet, and nothing that is ours or our neighbours'."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

# Public by their number, but a door to the inside of a cloud (Azure's wire server) or a way to write an IPv4 address
# in another form (6to4, Teredo, NAT64, compatible), which the router would turn back.
_CLOSED: tuple[IPv4Network | IPv6Network, ...] = (
    IPv4Network("168.63.129.16/32"),
    IPv4Network("100.64.0.0/10"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("198.18.0.0/15"),
    IPv6Network("::/96"),
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2001::/32"),
    IPv6Network("2002::/16"),
    IPv6Network("fec0::/10"),
)


def is_public(text: str) -> bool:
    """`text` is what the resolver said; with the zone of a link ('fe80::1%eth0') it is not public."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address.version == closed.version and address in closed for closed in _CLOSED)


def is_literal(host: str) -> bool:
    """An address in its usual form; '2130706433' and '0x7f.1' are not, and are left to the resolver and the check."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class AllowList:
    """Names that an operator vouches for, whatever their address. A name is taken as it is written, not as it resolves."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = frozenset(host.strip().lower() for host in hosts if host.strip())

    def has(self, host: str, port: int) -> bool:
        host = host.lower().rstrip(".")
        shown = f"[{host}]" if ":" in host else host
        return not self._hosts.isdisjoint({host, shown, f"{shown}:{port}"})
