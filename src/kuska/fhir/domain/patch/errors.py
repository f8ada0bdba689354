"""What can be wrong with a patch."""

from __future__ import annotations

from kuska.kit.errors import IncorrectError, Issue


class PatchError(IncorrectError):
    """The patch itself is wrong, or does not fit the resource. `place` = which of its operations."""

    def __init__(self, message: str, place: int, **params: object) -> None:
        super().__init__(Issue(code="invalid", message=f"patch.{message}", params={"place": place + 1, **params}))
