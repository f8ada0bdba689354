"""How much one client may ask of this process, so that one cannot take the service from all others.

Two counts: what a known caller asks for, and what an address (of IPv6, the network of one subscriber) tries without
success (guessing tokens costs the guesser, not the hospital that shares its address with two hundred people). Sign-ins by
password have their own, in the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from kuska.kit.errors import BusyError, Issue
from kuska.security.contracts import Caller
from kuska.security.domain.attempts import network
from kuska.security.domain.buckets import Buckets
from kuska.security.settings import LimitSettings


class ThrottledError(BusyError):
    """Too much in too short a time; `retry_after` seconds later it is welcome again."""

    status = 429

    def __init__(self, seconds: float) -> None:
        self.retry_after = max(1, int(seconds + 0.999))
        params: dict[str, object] = {"seconds": self.retry_after}
        super().__init__(Issue(code="throttled", message="security.throttled", params=params))


class Knocking(Protocol):
    """Limits: of requests per client, of attempts that fail per address. Raise ThrottledError."""

    def asked(self, caller: Caller) -> None: ...
    def knocked(self, address: str) -> None: ...
    def failed(self, address: str) -> None: ...


class Unlimited:
    def asked(self, caller: Caller) -> None: ...
    def knocked(self, address: str) -> None: ...
    def failed(self, address: str) -> None: ...


class Limits:
    def __init__(self, settings: LimitSettings, now: Callable[[], float] = time.monotonic) -> None:
        self._callers = Buckets(settings.requests_per_second, settings.requests_burst, now)
        self._failures = Buckets(settings.failures_per_minute / 60, settings.failures_burst, now)

    def asked(self, caller: Caller) -> None:
        """A request of a known caller. Raises ThrottledError."""
        if wait := self._callers.take(caller.account or caller.client):
            raise ThrottledError(wait)

    def knocked(self, address: str) -> None:
        """With something that is not good, or is dear to check: an address that failed too often waits. Whoever shows
        something good is not asked for where they come from. Raises ThrottledError.
        """
        if wait := self._failures.wait(network(address)):
            raise ThrottledError(wait)

    def failed(self, address: str) -> None:
        """What was shown was not good."""
        self._failures.take(network(address))
