"""What security refuses. The texts never tell whether somebody or something exists that the caller may not know of."""

from __future__ import annotations

from kuska.kit.errors import FaultError, ForbiddenError, Issue, UnauthenticatedError, UnavailableError


class NobodyError(UnauthenticatedError):
    """No token or session, or one that is not good (any more). One text for all: which of them is in the trail."""

    def __init__(self, reason: str = "security.no-token") -> None:
        super().__init__(Issue(code="login", message="security.unauthenticated"))
        self.reason = reason  # for the trail, not for the caller


class RefusedByPolicyError(ForbiddenError):
    """The policy does not allow it to this caller."""

    def __init__(self, reason: str = "security.scope") -> None:
        super().__init__(Issue(code="forbidden", message="security.forbidden"))
        self.reason = reason


class StepUpError(ForbiddenError):
    """Allowed, after the person has shown a second factor again."""

    def __init__(self) -> None:
        super().__init__(Issue(code="login", message="security.step-up"))


class KeyMissingError(UnavailableError):
    """A text is sealed with a key that this process does not have; it asks for it, so a later attempt may succeed."""

    def __init__(self, purpose: str) -> None:
        super().__init__(Issue(code="transient", message="keys.missing", params={"purpose": purpose}))


class SealBrokenError(FaultError):
    """Sealed bytes that were changed, moved to another place, or sealed by other keys than ours."""

    def __init__(self) -> None:
        super().__init__(Issue(severity="fatal", code="exception", message="keys.broken"))


class OtherPlaceError(UnavailableError):
    """This database is another tenant's, or another country's. Nothing is read from it and nothing written."""

    def __init__(self, found: str, expected: str) -> None:
        params = {"found": found, "expected": expected}
        super().__init__(Issue(severity="fatal", code="exception", message="place.other", params=params))
