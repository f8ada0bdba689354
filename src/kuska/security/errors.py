"""What security refuses. The texts never tell whether somebody or something exists that the caller may not know of."""

from __future__ import annotations

from kuska.kit.errors import ForbiddenError, Issue, UnauthenticatedError


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
