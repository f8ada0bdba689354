"""Keeps what Consent resources mean up to date. Called by the record in the transaction that writes one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo

from kuska.infra.postgres.connection import Write
from kuska.security.domain.consent_reading import Node, consent_rules
from kuska.security.store import consents as store
from kuska.security.store.epoch import Epoch


class Consents:
    def __init__(self, epoch: Epoch, bases: Sequence[str] = (), zone: tzinfo = UTC) -> None:
        """`bases`: FHIR bases that are this server; `zone`: the place's own, for dates without a time."""
        self._epoch = epoch
        self._bases = bases
        self._zone = zone

    async def written(self, tx: Write, id_: str, node: Node | None) -> None:
        """The Consent `id_` is now `node`; None: deleted. Call `forget` after the commit."""
        rules = () if node is None else consent_rules(node, bases=self._bases, zone=self._zone)
        await store.replace(tx, id_, rules)
        await self._epoch.bump(tx)

    def forget(self) -> None:
        """In this process it holds at once, in the others within half a second."""
        self._epoch.forget()
