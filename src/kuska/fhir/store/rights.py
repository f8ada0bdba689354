"""What follows for people's rights when a resource changes: a Consent is heard, a new encounter brings into care.

A Consent and the rules made of it are committed together; `settled` comes after the commit.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from kuska.fhir.store.care import Care
from kuska.fhir.store.entry import Change, Entry
from kuska.infra.postgres.connection import Write
from kuska.kit.json import Node

CONSENT = "Consent"


class Consents(Protocol):
    """Security's table of what patients have said (`kuska.security.usecases.consents`)."""

    async def written(self, tx: Write, id_: str, node: Node | None, /) -> None:
        """In the transaction that writes the Consent with this id; None = it is deleted."""
        ...

    def forget(self) -> None:
        """Committed: what was decided before is forgotten."""
        ...


class Rights:
    def __init__(self, care: Care, consents: Consents | None) -> None:
        """`consents` None: nobody decides by them here (KUSKA_SECURITY=off, tests of the store)."""
        self.care = care
        self._consents = consents

    def together(self, changes: Sequence[Change]) -> bool:
        """Is there one among them that needs more than its own statement?"""
        return self._consents is not None and any(change.type == CONSENT for change in changes)

    async def written(self, tx: Write, entries: Sequence[Entry]) -> None:
        if self._consents is None:
            return
        for entry in entries:
            if entry.change.type == CONSENT:
                await self._consents.written(tx, entry.id, entry.change.node)

    def settled(self, types: Collection[str]) -> None:
        self.care.written(types)
        if self._consents is not None and CONSENT in types:
            self._consents.forget()
