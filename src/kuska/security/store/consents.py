"""Rules of Consent resources in the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from kuska.infra.postgres.connection import Read, Row, Write
from kuska.kit.sqlfiles import load
from kuska.security.domain.consents import Common, ConsentRule

_SQL = load(__package__, "consents.sql")
_MOST = 20_000


async def replace(tx: Write, consent: str, rules: Sequence[ConsentRule]) -> None:
    """In the transaction that writes the Consent resource. No rules: it says nothing (any more)."""
    await tx.execute(_SQL["raise"])
    await tx.execute(_SQL["remove"], consent)
    if not rules:
        return
    columns = zip(
        *(
            (
                number,
                rule.patient,
                rule.effect,
                rule.depth,
                " ".join(rule.actors),
                " ".join(rule.purposes),
                " ".join(rule.types),
                rule.begins,
                rule.ends,
            )
            for number, rule in enumerate(rules)
        ),
        strict=True,
    )
    denies = any(rule.effect == "deny" for rule in rules)
    common = any(not rule.actors for rule in rules)
    await tx.execute(_SQL["add"], consent, denies, common, *columns)


class HeardConsents:
    """What was said, as far as this process has had to know it, kept until something of it changes."""

    def __init__(self) -> None:
        self._version = 0
        self._common: dict[bool, Common] = {}
        self._others: dict[tuple[frozenset[str], bool], Mapping[str, tuple[ConsentRule, ...]]] = {}

    def at(self, version: int) -> None:
        """Asked before the rows are: they may be newer than it says, never older."""
        if version > self._version:
            self._version = version
            self._common.clear()
            self._others.clear()

    async def by_all(self, conn: Read, now: datetime, *, permissions: bool) -> Common:
        """About everybody. `permissions`: also what only permits."""
        kept = self._common.get(permissions)
        if kept is None:
            version = self._version
            kept = Common(_by_consent(await conn.fetch(_SQL["common"], now, permissions)))
            if version == self._version:
                self._common[permissions] = kept
        return kept

    async def of(
        self, conn: Read, actors: frozenset[str], now: datetime, *, permissions: bool
    ) -> Mapping[str, tuple[ConsentRule, ...]]:
        """About one of these and not about everybody, by Consent."""
        kept = self._others.get((actors, permissions))
        if kept is None:
            version = self._version
            kept = _by_consent(await conn.fetch(_SQL["heard"], sorted(actors), now, permissions))
            if version == self._version:
                if len(self._others) >= _MOST:
                    self._others.clear()
                self._others[actors, permissions] = kept
        return kept


async def of_patient(conn: Read, patient: str) -> Mapping[str, tuple[ConsentRule, ...]]:
    return _by_consent(await conn.fetch(_SQL["of_patient"], patient))


def _by_consent(rows: Iterable[Row]) -> Mapping[str, tuple[ConsentRule, ...]]:
    found: defaultdict[str, list[ConsentRule]] = defaultdict(list)
    for consent, patient, effect, depth, actors, purposes, types, begins, ends in rows:
        found[consent].append(
            ConsentRule(
                patient=patient,
                effect=effect,
                depth=depth,
                actors=tuple(actors),
                purposes=tuple(purposes),
                types=tuple(types),
                begins=begins,
                ends=ends,
            )
        )
    return {consent: tuple(rules) for consent, rules in found.items()}
