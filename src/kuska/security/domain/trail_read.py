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
from kuska.security.domain.trail_line import FIELDS, encoded, line, moment

_encode = msgspec.json.Encoder().encode
_MOST = 20_000
_LONG = 1_000  # characters of ids: what is longer is looked at one by one
_FIRST, _LAST = FIELDS.index("caller"), FIELDS.index("purpose")
_VERSION, _VARIANT = (0xF << 76, 7 << 76), (3 << 62, 2 << 62)


# Action, interaction, caller, purpose, request, query: a tuple, for it is made with every read.
Reading = tuple[Literal["C", "R", "U", "D", "E"], str, Caller, str, str, str]


class ReadLines:
    def __init__(self) -> None:
        # By identity: the door gives the same caller for the same token and address.
        self._callers: dict[int, tuple[Caller, bytes, str]] = {}

    def line(
        self,
        at: datetime,
        since: int,
        reading: Reading,
        entities: Iterable[str],
        patients: Iterable[str],
    ) -> bytes:
        """`since`: the same moment in microseconds."""
        action, interaction, caller, purpose, request, query = reading
        what, whose = "\n".join(entities), "\n".join(patients)
        rest = f"{purpose}{request}{what}{whose}"
        if query or len(rest) > _LONG or not rest.isascii() or "\0" in rest:
            return encoded(line(_event(at, since, reading, entities, patients)))
        known = self._callers.get(id(caller))
        if known is None or known[0] is not caller:
            known = self._made(caller)
        head = f'["{read_id(since)}",{since},0,"{action}","rest","{interaction}","",'
        tail = _encode((purpose, known[2], request, what, whose, "", None))
        return b"%b%b,%b" % (head.encode(), known[1], tail[1:])

    def _made(self, caller: Caller) -> tuple[Caller, bytes, str]:
        """The caller's fields, cleaned like all others."""
        probe = line(Event(id="", at=moment(0), action="R", kind="rest", caller=caller))
        known = (caller, _encode(probe[_FIRST:_LAST])[1:-1], str(probe[_LAST + 1]))
        if len(self._callers) >= _MOST:
            self._callers.clear()
        self._callers[id(caller)] = known
        return known


def _event(at: datetime, since: int, reading: Reading, entities: Iterable[str], patients: Iterable[str]) -> Event:
    action, interaction, caller, purpose, request, query = reading
    return Event(
        id=read_id(since),
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


def read_id(since: int) -> str:
    """A UUIDv7 of that very moment: by it the event is found in its block."""
    number = (since // 1000) << 80 | int.from_bytes(os.urandom(10))
    number = number & ~_VERSION[0] | _VERSION[1]
    text = f"{number & ~_VARIANT[0] | _VARIANT[1]:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def millisecond(id_: str) -> int:
    """The moment that an id of `read_id` says, in milliseconds since 1970."""
    return int(id_[:8] + id_[9:13], 16)
