"""The error families. Every error a person can meet belongs to one; the edge maps the family to its protocol.

Messages are catalogue keys with parameters, so that the edge can say them in the reader's language; a key without a
catalogue entry is shown as it stands. Nothing clinical or personal goes into the parameters of a *logged* error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Family(StrEnum):
    INCORRECT = "incorrect"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    FORBIDDEN = "forbidden"
    UNAUTHENTICATED = "unauthenticated"
    UNSUPPORTED = "unsupported"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One problem, as an OperationOutcome issue will show it."""

    severity: str = "error"  # fatal | error | warning | information
    code: str  # FHIR issue type: 'invalid', 'required', 'value', 'not-found', ...
    message: str  # catalogue key, e.g. 'validation.unknown-element'
    params: Mapping[str, object] = field(default_factory=dict[str, object])
    expression: str = ""  # FHIRPath of the place, e.g. 'Patient.name[0].given[1]'


class KuskaError(Exception):
    """Base of all expected errors. `family` decides the status, `issues` say what to do."""

    family: Family = Family.FAULT
    # Finer than the family where the protocol asks for it (410, 412, 413, ...); None = the family's own status.
    status: int | None = None

    def __init__(self, *issues: Issue) -> None:
        super().__init__("; ".join(f"{i.message} {dict(i.params)}" for i in issues) or self.__class__.__name__)
        self.issues = issues


class IncorrectError(KuskaError):
    family = Family.INCORRECT


class NotFoundError(KuskaError):
    family = Family.NOT_FOUND


class ConflictError(KuskaError):
    family = Family.CONFLICT


class ForbiddenError(KuskaError):
    family = Family.FORBIDDEN


class UnauthenticatedError(KuskaError):
    family = Family.UNAUTHENTICATED


class UnsupportedError(KuskaError):
    family = Family.UNSUPPORTED


class BusyError(KuskaError):
    family = Family.BUSY


class UnavailableError(KuskaError):
    family = Family.UNAVAILABLE


class FaultError(KuskaError):
    family = Family.FAULT
