"""What can go wrong with an account. None of these texts says whether somebody has one."""

from __future__ import annotations

from kuska.kit.errors import ConflictError, ForbiddenError, IncorrectError, Issue, NotFoundError, UnauthenticatedError


class WrongPasswordError(UnauthenticatedError):
    """No such login, not this password, disabled, not activated yet: one text for all."""

    def __init__(self) -> None:
        super().__init__(Issue(code="login", message="account.wrong-password"))


class WrongCurrentPasswordError(ForbiddenError):
    """Changing a password needs the one that is valid now."""

    def __init__(self) -> None:
        super().__init__(Issue(code="forbidden", message="account.wrong-current-password", expression="current"))


class LinkGoneError(NotFoundError):
    """Used, expired, replaced by a newer one, or never made."""

    status = 410

    def __init__(self) -> None:
        super().__init__(Issue(code="not-found", message="account.link-gone"))


class NoAccountError(NotFoundError):
    """For administrators, who may know."""

    def __init__(self) -> None:
        super().__init__(Issue(code="not-found", message="account.not-found"))


class NoPatientError(NotFoundError):
    """For the admission desk, which may know: not exactly one active patient with this document and birthday."""

    def __init__(self) -> None:
        super().__init__(Issue(code="not-found", message="account.no-patient"))


class TakenError(ConflictError):
    """For administrators: the login, or the patient, has an account already."""

    def __init__(self, constraint: str | None) -> None:
        message = "account.patient-taken" if constraint == "account_patient" else "account.login-taken"
        super().__init__(Issue(code="duplicate", message=message))


class OwnAccountError(ForbiddenError):
    """Nobody gives themselves roles, or shuts themselves out."""

    def __init__(self) -> None:
        super().__init__(Issue(code="forbidden", message="account.own"))


class BadRegistrationError(IncorrectError):
    """Something in the form cannot be right, whoever it is about."""
