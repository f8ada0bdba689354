"""Pseudonyms: a random token that stands for a person, for one purpose and in one country.

    tokens = await pseudonyms.of("research", ["Patient/1", …])     one person, one token; for another purpose another one
    found = await pseudonyms.resolve(visit, "research", tokens, reason)      who they are: a role of its own, noted
    await pseudonyms.forget(visit, "Patient/1", reason)            from then on nobody can tell whose the tokens were

Giving tokens needs no permission: whoever has the person's data may hide whose it is. The way back is what is guarded, and
closing it for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.kit.errors import IncorrectError, Issue
from kuska.security.contracts import Event, Sealer
from kuska.security.domain.doors import require, why
from kuska.security.domain.pseudonyms import PERSON_MOST, is_purpose, new_token, purpose_of
from kuska.security.errors import RefusedByPolicyError, StepUpError
from kuska.security.settings import SecuritySettings
from kuska.security.store import pseudonyms as store
from kuska.security.visit import Action, Outcome, Visit, event_id

FEATURE = "pseudonym.resolve"
RESOLVED_MOST = 1_000
REASON_LEAST, REASON_MOST = 10, 1_000
_BATCH = 2_000
_RESEALED = 500


class Pseudonyms:
    def __init__(self, db: Database, settings: SecuritySettings, sealer: Sealer, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._fresh = timedelta(minutes=settings.step_up_minutes)
        self._place = settings.country.encode()
        self._index = sealer.cipher("pseudonym-index")
        self._cipher = sealer.cipher("pseudonyms")

    async def of(self, purpose: str, persons: Iterable[str]) -> dict[str, str]:
        """Person -> token; made where there is none. Any number; each part of the batch is committed by itself."""
        _check_purpose(purpose)
        wanted = list(dict.fromkeys(persons))
        if any(not 0 < len(person) <= PERSON_MOST for person in wanted):
            raise IncorrectError(Issue(code="value", message="pseudonyms.person", params={"most": PERSON_MOST}))
        tokens: dict[str, str] = {}
        for start in range(0, len(wanted), _BATCH):
            tokens |= await self._of(purpose, wanted[start : start + _BATCH])
        return tokens

    async def _of(self, purpose: str, persons: Sequence[str]) -> dict[str, str]:
        marks = {self._mark(b"person", purpose, person): person for person in persons}
        async with self._db.read() as conn:
            sealed = await store.known(conn, purpose, list(marks))
        if missing := [mark for mark in marks if mark not in sealed]:

            async def work(tx: Write) -> dict[bytes, bytes]:
                await store.add(tx, purpose, [self._row(purpose, mark, marks[mark]) for mark in missing])
                # Somebody else may have been first: what is there now counts.
                return await store.known(tx, purpose, missing)

            sealed |= await self._db.transact(work)
        return {marks[mark]: self._opened(purpose, mark, text)[1] for mark, text in sealed.items()}

    async def resolve(self, visit: Visit, purpose: str, tokens: Sequence[str], reason: str) -> dict[str, str]:
        """Token -> person, for tokens of this purpose that are known. In the trail, with the reason, before it returns.

        Raises:
            RefusedByPolicyError: no role of the visitor's may.
            StepUpError: the second factor was shown too long ago.
            IncorrectError: no reason, too many tokens, or tokens of another purpose.
        """
        await self._permit(visit, "E", "resolve", purpose, count=len(tokens))
        _check_purpose(purpose)
        reason = _reason(reason)
        if len(tokens) > RESOLVED_MOST:
            raise IncorrectError(Issue(code="too-long", message="pseudonyms.many", params={"most": RESOLVED_MOST}))
        if any(purpose_of(token) != purpose for token in tokens):
            raise IncorrectError(Issue(code="value", message="pseudonyms.token", params={"purpose": purpose}))
        marks = {self._mark(b"token", purpose, token): token for token in tokens}
        async with self._db.read() as conn:
            rows = await store.whose(conn, purpose, list(marks))
        found = {marks[mark]: self._opened(purpose, *row)[0] for mark, row in rows.items()}
        await visit.trail.keep(
            self._event(visit, "E", "resolve", purpose, count=len(tokens), reason=reason, persons=tuple(found.values()))
        )
        return found

    async def forget(self, visit: Visit, person: str, reason: str) -> int:
        """The tokens of this person, of all purposes, can be resolved by nobody from now on. How many there were.

        Raises RefusedByPolicyError, StepUpError, IncorrectError as `resolve`: nobody can take it back.
        """
        await self._permit(visit, "D", "forget")
        reason = _reason(reason)

        async def work(tx: Write) -> int:
            gone = [
                purpose
                for purpose in await store.purposes(tx)
                if await store.forget(tx, purpose, self._mark(b"person", purpose, person))
            ]
            event = self._event(visit, "D", "forget", ",".join(gone), count=len(gone), reason=reason, persons=(person,))
            await visit.trail.within(tx, [event])
            return len(gone)

        return await self._db.transact(work)

    async def _permit(self, visit: Visit, action: Action, what: str, purpose: str = "", *, count: int = 0) -> None:
        """Raises RefusedByPolicyError, StepUpError; the attempt is in the trail then."""
        try:
            require(visit.access, FEATURE, self._clock.now(), self._fresh)
        except (RefusedByPolicyError, StepUpError) as error:
            refused = self._event(visit, action, what, purpose, count=count, reason=why(error), outcome="4")
            await visit.trail.keep(refused)
            raise

    async def reseal(self) -> int:
        """Rows that an older key sealed, sealed with the current one. How many."""
        count = 0
        while done := await self._db.transact(self._reseal):
            count += done
        return count

    async def _reseal(self, tx: Write) -> int:
        rows = await store.old(tx, self._cipher.prefix, _RESEALED)
        anew = [
            (purpose, mark, self._cipher.seal(self._cipher.open(sealed, _row(purpose, mark)), _row(purpose, mark)))
            for purpose, mark, sealed in rows
        ]
        await store.reseal(tx, anew)
        return len(anew)

    def _mark(self, what: bytes, purpose: str, text: str) -> bytes:
        """Keyed hash, different for each purpose and country: two rows of one person have nothing in common."""
        return self._index.macs(b"\0".join((what, self._place, purpose.encode(), text.encode())))[0]

    def _row(self, purpose: str, mark: bytes, person: str) -> tuple[bytes, bytes, bytes]:
        token = new_token(purpose)
        sealed = self._cipher.seal(f"{token}\0{person}".encode(), _row(purpose, mark))
        return mark, self._mark(b"token", purpose, token), sealed

    def _opened(self, purpose: str, mark: bytes, sealed: bytes) -> tuple[str, str]:
        """Person and token."""
        token, _, person = self._cipher.open(sealed, _row(purpose, mark)).decode().partition("\0")
        return person, token

    def _event(
        self,
        visit: Visit,
        action: Action,
        interaction: str,
        purpose: str,
        *,
        count: int,
        reason: str = "",
        outcome: Outcome = "0",
        persons: tuple[str, ...] = (),
    ) -> Event:
        """Who was found, never by which token: the trail must not become a second vault."""
        patients = tuple(person.removeprefix("Patient/") for person in persons if person.startswith("Patient/"))
        detail: Mapping[str, str] = {"for": purpose if is_purpose(purpose) else "", "count": str(count)}
        return Event(
            id=event_id(),
            at=self._clock.now(),
            action=action,
            kind="pseudonym",
            interaction=interaction,
            outcome=outcome,
            reason=reason,
            caller=visit.access.caller,
            purpose=visit.access.purpose,
            request=visit.request,
            entities=persons,
            patients=patients,
            detail=tuple(detail.items()),
        )


def _row(purpose: str, mark: bytes) -> bytes:
    return purpose.encode() + b"\0" + mark


def _reason(text: str) -> str:
    """As it is kept. Raises IncorrectError."""
    reason = " ".join(text.split())
    if not REASON_LEAST <= len(reason) <= REASON_MOST:
        params = {"least": REASON_LEAST, "most": REASON_MOST}
        raise IncorrectError(Issue(code="value", message="pseudonyms.reason", params=params))
    return reason


def _check_purpose(purpose: str) -> None:
    if not is_purpose(purpose):
        raise IncorrectError(Issue(code="value", message="pseudonyms.purpose"))
