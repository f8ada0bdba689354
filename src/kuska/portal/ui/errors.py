"""Why a form was not taken. What to do is always the same: open the page again."""

from __future__ import annotations

from kuska.kit.errors import ForbiddenError, IncorrectError, Issue


class ForeignFormError(ForbiddenError):
    """No token, another session's token, or sent by another site's page."""

    def __init__(self) -> None:
        super().__init__(Issue(code="forbidden", message="ui.foreign-form"))


class BadFormError(IncorrectError):
    """Not a form, or larger than any form of ours."""

    def __init__(self) -> None:
        super().__init__(Issue(code="invalid", message="ui.bad-form"))
