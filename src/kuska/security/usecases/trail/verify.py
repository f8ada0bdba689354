"""Does the trail still say what it said? Every hash computed again from the rows, and compared with the heads outside.

Changed, deleted, inserted and reordered events are found, and links that were. What no chain alone can show: rows that the
database's owner removed together with all links after them and a chain made anew. The heads outside the database show it,
and that they are missing is a finding, too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from kuska.countries.registry import pack
from kuska.infra.postgres.connection import Read
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.security.domain.trail_chain import Cut, Finding, Link, by_day, differences, link_hash
from kuska.security.store import trail_chain as store
from kuska.security.store.trail_heads import EVERY, Heads

Head = tuple[int, date, bytes]  # of a link: number, day, hash

_MOST = 20  # findings: the first tell what happened
_LATE = timedelta(hours=1)  # an event without a link for so long: nobody makes links


@dataclass(slots=True)
class Report:
    links: int = 0
    events: int = 0
    heads: int = 0
    findings: list[Finding] = field(default_factory=list[Finding])

    @property
    def good(self) -> bool:
        return not self.findings


def kept_from(now: datetime, country: str) -> date:
    """The first day that is kept: whole months, never a day less than the country's law asks for."""
    today = now.astimezone(UTC)
    return date(today.year - pack(country).audit_retention.years, today.month, 1)


class Verifying:
    def __init__(self, db: Database, clock: Clock, heads: Heads, country: str) -> None:
        self._db = db
        self._clock = clock
        self.heads = heads
        self._country = country

    async def verify(self, first: date = date.min, last: date = date.max) -> Report:
        """Of the days from `first` to `last`; everything when none are given."""
        report = Report()
        # Before the links: a head is written after the commit of its link, so none of these can be ahead of them.
        heads = list(self.heads.all())
        async with self._db.snapshot() as conn:
            cut = await self._cut(conn, report)
            span = await store.numbers(conn, first, last)
            if span is not None:
                await self._links(conn, report, 1 if first == date.min else span[0], span[1], cut)
            await self._against_heads(conn, report, heads, (first, last), cut)
            if last == date.max:
                await self._unlinked(conn, report)
                await self._headless(conn, report, heads)
        return report

    async def _cut(self, conn: Read, report: Report) -> Cut:
        """Where the chain begins. Statements of retention are events, and events can be forged: the links that one says
        are gone must be gone, its day must fit those that are kept, and it must stand in the file outside.
        """
        first, end = await store.first(conn), await store.last(conn)
        begin = first[0] if first else None
        begun = Cut()
        for said in await store.closings(conn):
            one = _read(said)
            if one is None or (begin is not None and one.through >= begin):
                report.findings.append(
                    Finding("cut", date.min if one is None else one.before, one.through if one else 0)
                )
            elif (one.through, one.before) > (begun.through, begun.before):
                begun = one
        late = begun.before > kept_from(self._clock.now(), self._country)
        # Whoever wants a time forgotten may pretend that it was over.
        misfits = first is not None and first[1] < begun.before
        if late or misfits or (begun != Cut() and begun not in set(self.heads.cuts())):
            report.findings.append(Finding("cut", begun.before, begun.through))
        if (found := await store.outside(conn, first[2] if first else (0, 0), end.last if end else (0, 0))) is not None:
            report.findings.append(Finding("inserted", found[0], begin or 0, found[1]))
        return begun

    async def _headless(self, conn: Read, report: Report, heads: Sequence[Head]) -> None:
        """Links that no head outside stands for, though there was time to write one."""
        newest = max((number for number, _, _ in heads), default=0)
        found = await store.headless(conn, newest)
        if found is not None and self._clock.now() - found[2] > EVERY:
            report.findings.append(Finding("heads-missing", found[0], found[1]))

    async def _links(self, conn: Read, report: Report, begin: int, end: int, cut: Cut) -> None:
        begin = max(begin, cut.through + 1)
        previous, place = cut.hash, None
        if begin > cut.through + 1 and (found := await store.before(conn, begin - 1)) is not None:
            previous, place = found
        elif begin == 1:
            place = (0, 0)
        number = begin - 1
        async for batch in store.batches(conn, begin, end):
            for link in batch:
                number += 1
                if link.number != number:
                    report.findings.append(Finding("link-missing", link.day, number))
                    number = link.number
                elif link.hash != link_hash(link, previous) or (place is not None and link.after != place):
                    report.findings.append(Finding("link-changed", link.day, link.number))
                previous = link.hash
            place = batch[-1].last
            await _events(conn, report, batch, cut.before)
            if len(report.findings) >= _MOST:
                return

    async def _against_heads(
        self, conn: Read, report: Report, heads: Sequence[Head], days: tuple[date, date], cut: Cut
    ) -> None:
        for number, day, hash_ in heads:
            if (number <= cut.through and day < cut.before) or not days[0] <= day <= days[1]:
                continue
            report.heads += 1
            found = await store.before(conn, number)
            if found is None or found[0] != hash_:
                report.findings.append(Finding("head", day, number))
                return

    async def _unlinked(self, conn: Read, report: Report) -> None:
        end = await store.last(conn)
        oldest = await store.waiting(conn, end.last if end else (0, 0))
        if oldest is not None and self._clock.now() - oldest > _LATE:
            report.findings.append(Finding("unlinked", oldest.date(), end.number if end else 0))


def _read(said: str) -> Cut | None:
    try:
        known = dict(json.loads(said))
        return Cut(int(known["through"]), bytes.fromhex(known["hash"]), date.fromisoformat(known["before"]))
    except (ValueError, KeyError, TypeError):
        return None


async def _events(conn: Read, report: Report, batch: Sequence[Link], kept: date) -> None:
    """One batch's events against its links."""
    report.links += len(batch)
    after, last = batch[0].after, batch[0].last
    expected = sum(link.count for link in batch)
    found = by_day(await store.rows(conn, after, last, expected + 100, expected + 100))
    days = {link.day for link in batch}
    for link in batch:
        there = found.get(link.day, [])
        report.events += sum(len(row.leaves) for row in there)
        if not there and link.day < kept:
            continue  # late ones of a month that is over
        report.findings.extend(differences(link, there))
    for day, strangers in found.items():
        if day not in days:
            report.findings.append(Finding("inserted", day, batch[0].number, strangers[0].ids[0]))
