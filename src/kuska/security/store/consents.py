"""Rules of Consent resources in the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from kuska.infra.postgres.connection import Read, Row, Write
from kuska.kit.sqlfiles import load
from kuska.security.domain.consents import Common, ConsentRule

_SQL = load(__package__, "consents.sql")


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


async def heard(
    conn: Read, actors: Iterable[str], now: datetime, *, permissions: bool
) -> Mapping[str, tuple[ConsentRule, ...]]:
    """By Consent, without those that speak of everybody. `permissions`: also of those that only permit."""
    return _by_consent(await conn.fetch(_SQL["heard"], sorted(actors), now, permissions))


class CommonConsents:
    """What was said about everybody, kept in this process until something of it changes."""

    def __init__(self) -> None:
        self._version = 0
        self._kept: dict[bool, Common] = {}

    async def read(self, conn: Read, now: datetime, *, permissions: bool) -> Common:
        # First the version, then the rows: they may be newer than it says, never older.
        version: int = await conn.fetchval(_SQL["version"])
        if version != self._version:
            self._version = version
            self._kept.clear()
        kept = self._kept.get(permissions)
        if kept is None:
            kept = Common(_by_consent(await conn.fetch(_SQL["common"], now, permissions)))
            if version == self._version:
                self._kept[permissions] = kept
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
