"""What is done with an attempt that is refused: it is counted, held against its address, and noted. One way for every
door that strangers can try, so that none forgets one of the three.
"""

from __future__ import annotations

from typing import Literal, Protocol, get_args

from kuska.infra.telemetry.refusals import RefusalMetrics
from kuska.security.contracts import Event
from kuska.security.usecases.limits import Knocking

# What was tried. A label of the metric: few and fixed. Why exactly it was refused is in the trail.
Tried = Literal[
    "token",  # a Bearer token that is none, or no longer
    "session",  # a cookie of the pages
    "policy",  # let in, and not for this
    "sign-in",  # password, passkey, other providers
    "factor",  # the second one
    "client",  # an application that has to prove itself
    "grant",  # what an application trades for tokens: codes, refresh tokens
    "authorize",  # an application's request at the pages
    "link",  # of a mail
    "form",  # of another site
]


class Noting(Protocol):
    def note(self, event: Event) -> None: ...


class Refusals:
    def __init__(self, trail: Noting, limits: Knocking) -> None:
        self._trail = trail
        self._limits = limits
        self.metrics = RefusalMetrics(get_args(Tried))

    def missed(self, tried: Tried, event: Event) -> None:
        """By whom need not be known. In the journal only: whoever knocks a thousand times must not cost a thousand commits.

        Raises ThrottledError, and then leaves no line.
        """
        self.against(tried, event.caller.address)
        self._trail.note(event)

    def against(self, tried: Tried, address: str) -> None:
        """What the caller notes in the database itself. Only now is the address looked at: one bad client must not lock out
        the hospital behind the same address. Raises ThrottledError when it has failed too often.
        """
        self.count(tried)
        self._limits.knocked(address)
        self._limits.failed(address)

    def count(self, tried: Tried) -> None:
        """What is limited and noted in a way of its own."""
        self.metrics.refused(tried)
