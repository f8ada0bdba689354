"""Breaking the glass: who treats an emergency opens a record that is not theirs, for a short time, and everybody who has
to know knows at once.

The grant, the line in the trail and the mail to data protection are committed together: none without the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import NoReturn

from kuska.infra.postgres.connection import Read, Write
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.logs import logger
from kuska.infra.telemetry.policy import PolicyMetrics
from kuska.kit.clock import Clock
from kuska.kit.errors import ForbiddenError, IncorrectError, Issue, NotFoundError
from kuska.security.contracts import Event, PatientLocator
from kuska.security.domain.doors import require, why
from kuska.security.errors import RefusedByPolicyError, StepUpError
from kuska.security.settings import SecuritySettings
from kuska.security.store import glass as store
from kuska.security.store import mails
from kuska.security.store.epoch import Epoch
from kuska.security.store.glass import Glass
from kuska.security.visit import Visit, event_id

REASON_MOST = 1_000
WORDS = 3  # different ones that a reason must have
_WORD = re.compile(r"[^\W\d_]{2,}")
_PAGE = 100
_log = logger("security")


class GlassUsedUpError(ForbiddenError):
    """So often in so short a time is no emergency any more, but somebody reading records, or somebody else's session."""

    def __init__(self, times: int, hours: int) -> None:
        params = {"times": times, "hours": hours}
        super().__init__(Issue(code="throttled", message="security.glass-used-up", params=params))


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Glass):
    """What happened when somebody asked for a record: pages say no more than is so."""

    told: bool  # a mail to data protection is on its way
    again: bool  # it was open to them already; nothing new was opened


class BreakGlass:
    def __init__(
        self,
        db: Database,
        settings: SecuritySettings,
        clock: Clock,
        epoch: Epoch,
        patients: PatientLocator | None = None,
        *,
        posts: bool = True,
    ) -> None:
        """`patients`: the record's; without it nobody is found. `posts`: there is a mail server."""
        self._posts = posts
        self._db = db
        self._patients = patients
        self._settings = settings
        self._clock = clock
        self._epoch = epoch
        self.metrics = PolicyMetrics()

    @property
    def least(self) -> int:
        """Characters that a reason must have."""
        return self._settings.glass_reason

    @property
    def tells(self) -> bool:
        """Does data protection get a mail at once?"""
        return self._posts and bool(self._settings.data_protection_mail)

    async def break_glass(self, visit: Visit, patient: str, reason: str) -> Opened:
        """Opens a record to the visitor; `patient` is an id or a document, as it is at hand in an emergency.

        Whoever asks for what is open to them already keeps that grant: no second one, no second alarm.

        Raises:
            RefusedByPolicyError: the visitor's roles may not.
            StepUpError: the second factor was shown too long ago.
            IncorrectError: no reason, or no such patient. Who looks for people this way is in the trail.
            GlassUsedUpError: too often in too short a time.
        """
        caller, now = visit.access.caller, self._clock.now()
        reason = await self._asked(visit, now, reason)
        # Before the patient is looked for: who has used it up learns no more about who is here.
        await self._often(visit, now)
        found = await self._patients.locate(patient) if self._patients is not None and patient else None
        if found is None:
            await visit.trail.keep(_event(visit, now, "open", "", "security.glass-patient", refused=True))
            raise IncorrectError(Issue(code="value", message="security.glass-patient"))
        glass = Glass(
            id=event_id(),
            account=caller.account,
            patient=found,
            reason=reason,
            opened=now,
            until=now + timedelta(minutes=self._settings.glass_minutes),
        )

        async def work(tx: Write) -> Glass | GlassUsedUpError:
            # One after the other, so that ten at once are not ten more.
            await store.alone(tx, caller.account)
            if (still := await store.still_open(tx, caller.account, found, now)) is not None:
                await visit.trail.within(tx, [_event(visit, now, "open-again", found, reason, glass=still.id)])
                return still
            if (refused := await self._used_up(tx, caller.account, now)) is not None:
                return refused
            await store.add(tx, glass)
            await visit.trail.within(tx, [_event(visit, now, "open", found, reason, glass=glass.id)])
            if to := self._settings.data_protection_mail:
                about = {"to": to, "glass": glass.id, "account": glass.account, "at": now.isoformat()}
                await mails.add(tx, event_id(), "break-glass", about, now)
            await self._epoch.bump(tx)
            return glass

        made = await self._db.transact(work)
        if isinstance(made, GlassUsedUpError):
            await self._refuse(visit, now, made)
        again = made.id != glass.id
        if not again:
            self._epoch.forget()
            self.metrics.glass.inc()
            # Who, whose and why are in the trail; the log is for whoever watches the machines.
            _log.warning("the glass was broken", glass=made.id)
        known = {field.name: getattr(made, field.name) for field in fields(Glass)}
        return Opened(**known, told=self.tells and not again, again=again)

    async def _asked(self, visit: Visit, now: datetime, reason: str) -> str:
        """The reason, as it is kept."""
        try:
            if not visit.access.caller.account:
                raise RefusedByPolicyError("security.feature")
            require(visit.access, "break-glass", now, timedelta(minutes=self._settings.step_up_minutes))
        except (RefusedByPolicyError, StepUpError) as error:
            await visit.trail.keep(_event(visit, now, "open", "", why(error), refused=True))
            raise
        reason = " ".join(reason.split())
        if not self.least <= len(reason) <= REASON_MOST:
            params: dict[str, object] = {"least": self.least, "most": REASON_MOST}
            raise IncorrectError(Issue(code="value", message="security.glass-reason", params=params))
        if len({word.casefold() for word in _WORD.findall(reason)}) < WORDS:
            raise IncorrectError(Issue(code="value", message="security.glass-words", params={"words": WORDS}))
        return reason

    async def _often(self, visit: Visit, now: datetime) -> None:
        async with self._db.read() as conn:
            refused = await self._used_up(conn, visit.access.caller.account, now)
        if refused is not None:
            await self._refuse(visit, now, refused)

    async def _used_up(self, conn: Read, account: str, now: datetime) -> GlassUsedUpError | None:
        settings = self._settings
        for hours, most in ((1, settings.glass_per_hour), (24, settings.glass_per_day)):
            if await store.opened_since(conn, account, now - timedelta(hours=hours)) >= most:
                return GlassUsedUpError(most, hours)
        return None

    async def _refuse(self, visit: Visit, now: datetime, error: GlassUsedUpError) -> NoReturn:
        await visit.trail.keep(_event(visit, now, "open", "", "security.glass-used-up", refused=True))
        _log.warning("the glass is broken too often")
        raise error

    async def end(self, visit: Visit, id_: str) -> None:
        """Before its time: by who broke it, or by who reviews it. Raises NotFoundError, also for what others broke."""
        access, now = visit.access, self._clock.now()

        async def work(tx: Write) -> None:
            account = await store.account_of(tx, id_)
            mine = account == access.caller.account
            if account is None or not (mine or access.may("break-glass.review")):
                raise NotFoundError(Issue(code="not-found", message="security.glass-over"))
            ended = await store.end(tx, id_, now, access.caller.account)
            if ended is None:
                raise NotFoundError(Issue(code="not-found", message="security.glass-over"))
            await visit.trail.within(tx, [_event(visit, now, "end", ended[1], "", glass=id_)])
            await self._epoch.bump(tx)

        await self._db.transact(work)
        self._epoch.forget()

    async def review(self, visit: Visit, id_: str) -> None:
        """Somebody looked into it. Raises RefusedByPolicyError, also to who broke it themselves, and NotFoundError."""
        caller, now = visit.access.caller, self._clock.now()
        if not visit.access.may("break-glass.review"):
            raise RefusedByPolicyError("security.feature")

        async def work(tx: Write) -> None:
            if await store.account_of(tx, id_) == caller.account:
                raise RefusedByPolicyError("security.glass-own")
            patient = await store.review(tx, id_, now, caller.account)
            if patient is None:
                raise NotFoundError(Issue(code="not-found", message="security.glass-reviewed"))
            await visit.trail.within(tx, [_event(visit, now, "review", patient, "", glass=id_)])

        await self._db.transact(work)

    async def page(
        self,
        visit: Visit,
        *,
        account: str = "",
        patient: str = "",
        before: tuple[datetime, str] | None = None,
        limit: int = _PAGE,
    ) -> list[Glass]:
        """The newest first; `before`: `opened` and `id` of the last one seen. Others see only their own."""
        if not visit.access.may("break-glass.review"):
            if account not in ("", visit.access.caller.account):
                raise RefusedByPolicyError("security.feature")
            account = visit.access.caller.account
        async with self._db.read() as conn:
            return await store.page(conn, account=account, patient=patient, before=before, limit=min(limit, _PAGE))


def _event(
    visit: Visit, now: datetime, what: str, patient: str, reason: str, *, refused: bool = False, glass: str = ""
) -> Event:
    return Event(
        id=event_id(),
        at=now,
        action="E",
        kind="break-glass",
        interaction=what,
        outcome="4" if refused else "0",
        reason=reason,
        caller=visit.access.caller,
        purpose="BTG",
        request=visit.request,
        entities=(f"Patient/{patient}",) if patient else (),
        patients=(patient,) if patient else (),
        detail=(("glass", glass),) if glass else (),
    )
