"""What is older than the country's law asks for goes, a month at a time, and the chain says so itself.

The removed time is verified first: a trail that does not fit is evidence, and stays. The cut is an event of the trail with
the hash that the kept part goes on from, in the same transaction, so the rest can be verified as before. It also stands in
the file of heads: an event alone, the database's owner could write himself.
"""

from __future__ import annotations

from datetime import date, timedelta

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.logs import logger
from kuska.kit.clock import Clock
from kuska.security.contracts import Caller, Event
from kuska.security.domain.trail_chain import START, Cut
from kuska.security.domain.trail_line import line
from kuska.security.store import trail_chain as chain
from kuska.security.store import trail_months as months
from kuska.security.store.trail_events import TrailEvents
from kuska.security.usecases.trail.verify import Verifying, kept_from
from kuska.security.visit import event_id

_log = logger("trail")


class Retention:
    def __init__(self, db: Database, clock: Clock, country: str, verifying: Verifying) -> None:
        self._db = db
        self._clock = clock
        self._country = country
        self._verifying = verifying

    async def enforce(self) -> int:
        """Removes what is over; how many months. Any process may, any number of times."""
        day = kept_from(self._clock.now(), self._country)
        async with self._db.read() as conn:
            found = await months.over(conn, day)
        if not found:
            return 0
        report = await self._verifying.verify(last=day - timedelta(days=1))
        if not report.good:
            _log.error("the old part of the trail does not verify: it is kept", before=day.isoformat())
            return 0
        async with self._db.write() as tx:
            return await self._remove(tx, day)

    async def _remove(self, tx: Write, day: date) -> int:
        if not await chain.turn(tx):
            return 0
        found = await months.over(tx, day)
        last = await chain.last(tx)
        if not found or last is None or await months.unlinked(tx, last.last, day):
            return 0
        through = await chain.lead(tx, day)
        hash_ = await chain.before(tx, through)
        cut = Cut(through, hash_[0] if hash_ else START, day)
        events = await chain.remove(tx, through)
        await months.drop(tx, found, day)
        said = (
            ("before", day.isoformat()),
            ("months", str(len(found))),
            ("through", str(through)),
            ("events", str(events)),
            ("hash", cut.hash.hex()),
        )
        statement = Event(
            id=event_id(),
            at=self._clock.now(),
            action="D",
            kind="retention",
            caller=Caller(kind="system", country=self._country),
            detail=said,
        )
        await TrailEvents.append_within(tx, [line(statement)])
        # Before the commit: a cut that is written down but did not happen lies nowhere, the other way round it would.
        self._verifying.heads.cut(cut)
        _log.info("the trail's oldest months were removed", months=len(found), before=day.isoformat(), events=events)
        return len(found)
