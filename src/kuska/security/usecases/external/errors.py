"""What goes wrong with a sign-in at another provider. What exactly is in the trail; a stranger could use it."""

from __future__ import annotations

from kuska.kit.errors import IncorrectError, Issue, NotFoundError, UnauthenticatedError, UnavailableError


class ExternalError(UnauthenticatedError):
    """Nobody is signed in. `reason` is for the trail."""

    def __init__(self, reason: str, message: str = "external.failed", **params: object) -> None:
        super().__init__(Issue(code="login", message=message, params=params))
        self.reason = reason


class NoProviderError(NotFoundError):
    def __init__(self) -> None:
        super().__init__(Issue(code="not-found", message="external.no-provider"))


class ProviderDownError(UnavailableError):
    """The provider does not answer, or not as OpenID Connect says."""

    def __init__(self, title: str, reason: str) -> None:
        super().__init__(Issue(code="transient", message="external.down", params={"title": title}))
        self.reason = reason


class ProvidersFileError(IncorrectError):
    """The operator's file cannot be used; the start is refused."""

    def __init__(self, message: str, **params: object) -> None:
        super().__init__(Issue(severity="fatal", code="exception", message=message, params=params))
