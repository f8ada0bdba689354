"""This context's errors."""

from __future__ import annotations

from kuska.kit.errors import ConflictError, IncorrectError, Issue, NotFoundError


class VersionConflictError(ConflictError):
    """Another version is current than the one the caller named. `place` = which of the batch's changes."""

    status = 412

    def __init__(self, place: int) -> None:
        super().__init__(Issue(code="conflict", message="store.version-conflict"))
        self.place = place


class IdTakenError(ConflictError):
    """The id's hash is that of another id that is here already. It will not happen twice in the life of a country."""

    def __init__(self, place: int) -> None:
        super().__init__(Issue(code="duplicate", message="store.id-taken"))
        self.place = place


class UnknownZoneError(IncorrectError):
    """The setting names no time zone."""

    def __init__(self, zone: str) -> None:
        super().__init__(Issue(severity="fatal", code="exception", message="store.unknown-zone", params={"zone": zone}))


class OtherZoneError(IncorrectError):
    """The database's index rows were made with another time zone than the one set now."""

    def __init__(self, zone: str, settled: str) -> None:
        params = {"zone": zone, "settled": settled}
        super().__init__(Issue(severity="fatal", code="exception", message="store.other-zone", params=params))


def missing(type_: str, id_: str) -> NotFoundError:
    """The one answer to what is not there and to what the caller may not see."""
    return NotFoundError(Issue(code="not-found", message="interaction.not-found", params={"type": type_, "id": id_}))
