"""What can become of an outgoing call that brought no answer. None of it repeats what the other side said."""

from __future__ import annotations

from kuska.kit.errors import IncorrectError, Issue, UnavailableError


class RefusedAddressError(IncorrectError):
    """We do not call this address. Whoever shows it to a stranger says the same as for one that does not answer."""

    def __init__(self, message: str, host: str) -> None:
        super().__init__(Issue(code="security", message=message, params={"host": host}))


class NoAnswerError(UnavailableError):
    """Nobody there, too slow, too long, a certificate that does not hold, or no HTTP."""

    def __init__(self, message: str, host: str) -> None:
        super().__init__(Issue(code="transient", message=message, params={"host": host}))
