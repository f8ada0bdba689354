"""What can be asked of the trail, and a place in the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kuska.kit.errors import IncorrectError, Issue
from kuska.security.contracts import Event
from kuska.security.domain.trail_line import microseconds, moment

MOST = 1000
Order = Literal["asc", "desc"]
_CURSOR = re.compile(r"(\d{1,17})\.([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything that is given must hold."""

    patient: str = ""  # id of the Patient whose data it was
    account: str = ""  # who: account or client id
    practitioner: str = ""  # who: id of the Practitioner
    entity: str = ""  # 'Observation/1'; slow without a patient, an account or a time
    kind: str = ""
    action: str = ""
    outcome: str = ""  # '0', '4', '8', '12'; 'failed' = any but 0
    purpose: str = ""
    address: str = ""
    since: datetime | None = None
    until: datetime | None = None  # exclusive


@dataclass(frozen=True, slots=True)
class Page:
    events: tuple[Event, ...]
    next: str = ""  # cursor; '' = there is no more


def cursor(event: Event) -> str:
    return f"{microseconds(event.at)}.{event.id}"


def place(text: str) -> tuple[datetime, str]:
    """Moment and id of the event that the page begins behind.

    Raises:
        IncorrectError: it is no cursor.
    """
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise IncorrectError(Issue(code="value", message="trail.bad-cursor"))
    return moment(int(match[1])), match[2]
