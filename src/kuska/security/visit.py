"""One request of a caller: what it may reach, and what it has touched so far. Made by the door, ended by the route.

Whoever gives out or writes a resource gets a visit as an argument and says so here; at its end the visit becomes one
line of the trail (writes have theirs in their own transaction already).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

from kuska.kit.clock import Clock
from kuska.security.contracts import Access, Event, Trail

Action = Literal["C", "R", "U", "D", "E"]
Outcome = Literal["0", "4", "8", "12"]
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


def event_id(at: datetime | None = None) -> str:
    """A UUIDv7 of that moment or of now: in order of time, made without asking anybody."""
    since = time.time_ns() // 1_000_000 if at is None else (at - _EPOCH) // _MILLISECOND
    raw = bytearray(since.to_bytes(6) + os.urandom(10))
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Visit:
    __slots__ = ("_clock", "_entities", "_patients", "access", "interaction", "noted", "query", "request", "trail")

    def __init__(self, access: Access, trail: Trail, clock: Clock, request: str = "") -> None:
        self.access = access
        self.trail = trail
        self.request = request
        # Does anybody keep the lines? Without security nobody does, and then they need not be made.
        self.noted = not getattr(trail, "quiet", False)
        self.interaction = ""
        self.query = ""
        self._clock = clock
        self._entities: dict[str, None] = {}
        self._patients: dict[str, None] = {}

    def gave(self, entity: str, *patients: str) -> None:
        """`entity` ('Observation/1') goes to the caller; it is about these patients (ids)."""
        self._entities[entity] = None
        for patient in patients:
            self._patients[patient] = None

    def wanted(self, patients: Iterable[str]) -> None:
        """The request was after the data of these patients (ids, whether they exist or not); none of it was given."""
        for patient in patients:
            self._patients[patient] = None

    @property
    def touched(self) -> bool:
        """Was anything given?"""
        return bool(self._entities)

    def now(self) -> datetime:
        return self._clock.now()

    def event(
        self,
        action: Action,
        *,
        kind: str = "rest",
        outcome: Outcome = "0",
        reason: str = "",
        entities: tuple[str, ...] = (),
        patients: tuple[str, ...] = (),
    ) -> Event:
        at = self._clock.now()
        return Event(
            id=event_id(at),  # by which it is found, should it lie in a block
            at=at,
            action=action,
            kind=kind,
            interaction=self.interaction,
            outcome=outcome,
            reason=reason,
            caller=self.access.caller,
            purpose=self.access.purpose,
            request=self.request,
            entities=entities,
            patients=patients,
            query=self.query,
            detail=self._through_glass(patients) if self.access.opened and outcome == "0" else (),
        )

    def _through_glass(self, patients: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        """By which grants these patients were open, so that a reviewer finds what was looked at through each."""
        glass = self.access.glass
        return tuple(("glass", glass[patient]) for patient in patients if patient in glass)

    def written(self, action: Action, entity: str, *patients: str) -> Event:
        """The line of one write, to be kept in its transaction."""
        return self.event(action, entities=(entity,), patients=patients)

    async def end(self, action: Action, *, outcome: Outcome = "0", reason: str = "") -> None:
        """The line of what was read, or refused. On disk before it returns; in the database too where that is asked."""
        access = self.access
        durable = access.durable or outcome != "0"
        read = None if durable or reason else getattr(self.trail, "read", None)
        if read is not None:
            what = (action, self.interaction, access.caller, access.purpose, self.request, self.query)
            read(self._clock.now(), what, self._entities, self._patients)
            return
        event = self.event(
            action,
            outcome=outcome,
            reason=reason,
            entities=tuple(self._entities),
            patients=tuple(self._patients),
        )
        if durable:
            await self.trail.keep(event)
        else:
            self.trail.note(event)
