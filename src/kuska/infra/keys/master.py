"""What a provider of master keys does: it wraps the data keys, which lie in the database, and unwraps them at a start.

A provider is asked when a process starts and when keys are rotated, never while a request is answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kuska.kit.errors import Issue, UnavailableError


class MasterError(UnavailableError):
    """The master key cannot be had, or is not the one; the message says what to do."""

    def __init__(self, message: str, **params: object) -> None:
        super().__init__(Issue(severity="fatal", code="exception", message=message, params=params))


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key as it may lie in the database."""

    provider: str
    master: str  # which master key: not secret; shown by `kuska keys status`
    text: bytes


class Master(Protocol):
    @property
    def name(self) -> str:
        """As in the setting keys.provider."""
        ...

    async def wrap(self, key: bytes, context: str) -> Wrapped:
        """With the newest master key. `context` is bound in: a wrapped key moved to another row does not unwrap."""
        ...

    async def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        """Raises MasterError when the provider is away, or refuses."""
        ...

    async def renew(self) -> None:
        """Before a rewrap: make a new master key where the provider leaves that to us."""
        ...

    async def forget_old(self) -> None:
        """After a rewrap: nothing is wrapped with older master keys any more."""
        ...
