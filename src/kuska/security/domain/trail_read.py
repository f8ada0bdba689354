"""The line of a read, made as quickly as can be: what is the same for all reads of a caller is made once.

The same JSON as of `trail_line.line`, in the order of its FIELDS (a test compares them).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from kuska.security.contracts import Caller, Event
from kuska.security.domain.trail_line import FIELDS, LONGEST_KEY, encoded, line, moment

_encode = msgspec.json.Encoder().encode
_MOST = 20_000
_LONG = 1_000  # characters of ids: what is longer is looked at one by one
_FIRST, _LAST, _ACCOUNT = FIELDS.index("caller"), FIELDS.index("purpose"), FIELDS.index("account")


# Action, interaction, caller, purpose, request, query: a tuple, for it is made with every read.
Reading = tuple[Literal["C", "R", "U", "D", "E"], str, Caller, str, str, str]


class ReadLines:
    """Of one process."""

    def __init__(self) -> None:
        self._count = 0
        self._tail = ""
        # By identity: the door gives the same caller for the same token and address.
        self._callers: dict[int, tuple[Caller, bytes, str, bool]] = {}

    def line(
        self,
        at: datetime,
        since: int,
        reading: Reading,
        entities: Iterable[str],
        patients: Iterable[str],
    ) -> tuple[bytes, bool]:
        """`since`: the same moment in microseconds. And whether account and patients stand in it as they were given."""
        action, interaction, caller, purpose, request, query = reading
        id_ = self._id(since)
        what, whose = "\n".join(entities), "\n".join(patients)
        rest = f"{purpose}{request}{what}{whose}"
        if query or len(rest) > _LONG or len(whose) > LONGEST_KEY or not rest.isascii() or "\0" in rest:
            return encoded(line(_event(id_, at, reading, entities, patients))), False
        known = self._callers.get(id(caller))
        if known is None or known[0] is not caller:
            known = self._made(caller)
        head = f'["{id_}",{since},0,"{action}","rest","{interaction}","",'
        tail = _encode((purpose, known[2], request, what, whose, "", None))
        return b"%b%b,%b" % (head.encode(), known[1], tail[1:]), known[3]

    def _id(self, since: int) -> str:
        """A UUIDv7 of that very moment, by which the event is found in its block; the process counts the rest."""
        count = self._count & 0xFFF
        if count == 0:
            chance = f"{2 << 62 | int.from_bytes(os.urandom(8)) >> 2:016x}"
            self._tail = f"{chance[:4]}-{chance[4:]}"
        self._count += 1
        moment_ = f"{since // 1000:012x}"
        return f"{moment_[:8]}-{moment_[8:]}-7{count:03x}-{self._tail}"

    def _made(self, caller: Caller) -> tuple[Caller, bytes, str, bool]:
        """The caller's fields, cleaned like all others."""
        probe = line(Event(id="", at=moment(0), action="R", kind="rest", caller=caller))
        same = str(probe[_ACCOUNT]) == caller.account
        known = (caller, _encode(probe[_FIRST:_LAST])[1:-1], str(probe[_LAST + 1]), same)
        if len(self._callers) >= _MOST:
            self._callers.clear()
        self._callers[id(caller)] = known
        return known


def _event(id_: str, at: datetime, reading: Reading, entities: Iterable[str], patients: Iterable[str]) -> Event:
    action, interaction, caller, purpose, request, query = reading
    return Event(
        id=id_,
        at=at,
        action=action,
        kind="rest",
        interaction=interaction,
        caller=caller,
        purpose=purpose,
        request=request,
        entities=tuple(entities),
        patients=tuple(patients),
        query=query,
    )


def millisecond(id_: str) -> int:
    """The moment that a read's id says, in milliseconds since 1970."""
    return int(id_[:8] + id_[9:13], 16)
