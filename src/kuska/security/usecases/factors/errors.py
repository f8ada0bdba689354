"""What goes wrong with factors, in words for their owner."""

from __future__ import annotations

from datetime import datetime

from kuska.kit.errors import BusyError, ConflictError, IncorrectError, Issue, UnauthenticatedError


class WrongFactorError(UnauthenticatedError):
    """Not the right code, or no good answer of a passkey. Which of the reasons it was is in the trail only."""

    def __init__(self, reason: str = "factors.wrong-code") -> None:
        super().__init__(Issue(code="login", message="factors.wrong"))
        self.reason = reason


class TooManyAttemptsError(BusyError):
    """So many were wrong that the next one has to wait."""

    status = 429

    def __init__(self, until: datetime, now: datetime) -> None:
        seconds = max(1, int((until - now).total_seconds()) + 1)
        super().__init__(Issue(code="throttled", message="factors.wait", params={"seconds": seconds}))
        self.retry_after = seconds


class FactorSetUpError(IncorrectError):
    """A factor that is being set up did not prove itself."""

    def __init__(self, message: str) -> None:
        super().__init__(Issue(code="invalid", message=message))


class LastFactorError(ConflictError):
    """Their role needs a factor, and this is the last one."""

    def __init__(self) -> None:
        super().__init__(Issue(code="business-rule", message="factors.last"))
