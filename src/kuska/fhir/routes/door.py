"""Who comes in: every request passes a door and gets a visit there, before its body is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from kuska.kit.clock import Clock
from kuska.security.api import Visit, visit_off


class Door(Protocol):
    """`kuska.security.api.Door`."""

    async def enter(
        self, headers: Mapping[bytes, bytes], *, address: str, request: str = "", purpose: str = ""
    ) -> Visit:
        """Raises NobodyError, RefusedByPolicyError; the attempt is in the trail then."""
        ...


class OpenDoor:
    """KUSKA_SECURITY=off: everybody may everything. The process takes it only on loopback."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def enter(
        self, headers: Mapping[bytes, bytes], *, address: str, request: str = "", purpose: str = ""
    ) -> Visit:
        del headers, address, request, purpose
        return visit_off(self._clock)
