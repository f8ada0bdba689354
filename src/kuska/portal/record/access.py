"""The place of the decision: may this reader see this patient?

Every door to clinical data asks once, after the patient is known and before anything clinical is read. The security
context will bring the real policy (role, scope, compartment, consent, purpose, country) and the audit line; whoever
builds it implements `Access` and hands it to `routes.build`. Until then there is one implementation, for
KUSKA_SECURITY=off, which the process only accepts on loopback.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, as far as it is known. Without security nobody is known."""

    authorization: str | None


class Access(Protocol):
    async def permit(self, visitor: Visitor, patient: str) -> None:
        """Returns, or raises ForbiddenError / UnauthenticatedError."""
        ...


class SecurityOff:
    """Everybody may read everything: only synthetic people, only on this machine."""

    async def permit(self, visitor: Visitor, patient: str) -> None:
        del visitor, patient
