"""PostgreSQL's and asyncpg's errors become the house's families here, once; nobody above catches asyncpg's own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn

import asyncpg

from kuska.kit.errors import BusyError, ConflictError, FaultError, IncorrectError, Issue, KuskaError, UnavailableError

SERIALIZATION_FAILURE = "40001"
DEADLOCK = "40P01"
UNIQUE_VIOLATION = "23505"


class ClusterError(UnavailableError):
    """The embedded server cannot be had on this data folder; the message says what to do about it."""

    def __init__(self, message: str, **params: object) -> None:
        super().__init__(Issue(severity="fatal", code="exception", message=message, params=params))


class MigrationError(UnavailableError):
    """The schema is not what this version of the program needs, or could not be made so."""

    def __init__(self, message: str, **params: object) -> None:
        super().__init__(Issue(severity="fatal", code="exception", message=message, params=params))


class ContentionError(BusyError):
    """A deadlock or serialization failure: trying the same transaction again is right."""


class LostError(UnavailableError):
    """The connection went away; whether the last statement took effect is not known."""


class RefusedError(FaultError):
    """A statement broke a rule of the schema or was refused by one of our functions.

    The store that sent it knows what it means and turns it into its own error; left alone it is a fault.
    """

    def __init__(self, sqlstate: str, constraint: str | None, detail: str) -> None:
        super().__init__(Issue(severity="fatal", code="exception", message="database.refused"))
        self.sqlstate = sqlstate
        self.constraint = constraint
        self.detail = detail


class DuplicateError(RefusedError, ConflictError):
    family = ConflictError.family


# What may come out of the driver.
DRIVER = (asyncpg.InterfaceError, asyncpg.InternalClientError)
FOREIGN = (asyncpg.PostgresError, OSError, *DRIVER)


def _issue(code: str, message: str) -> Issue:
    return Issue(code=code, message=message)


# By SQLSTATE or its class (first two characters): family, FHIR issue type, message.
_FAMILIES: dict[str, tuple[type[KuskaError], str, str]] = {
    SERIALIZATION_FAILURE: (ContentionError, "lock-error", "database.contention"),
    DEADLOCK: (ContentionError, "lock-error", "database.contention"),
    "55P03": (BusyError, "lock-error", "database.locked"),
    "57014": (BusyError, "timeout", "database.too-slow"),
    "53100": (UnavailableError, "no-store", "database.disk-full"),
    "53200": (UnavailableError, "transient", "database.out-of-memory"),
    "53300": (BusyError, "throttled", "database.too-many-connections"),
    # A NUL, which no text here has: it came from outside, by a way on which nobody looked for it.
    "22021": (IncorrectError, "value", "database.not-text"),
    "22P05": (IncorrectError, "value", "database.not-text"),
    # A database that takes no connections for a while, as during an upgrade. No statement of ours raises it.
    "55000": (UnavailableError, "transient", "database.connection-lost"),
    "25006": (UnavailableError, "transient", "database.read-only"),
    "28": (UnavailableError, "exception", "database.no-access"),
    "3D000": (UnavailableError, "exception", "database.no-database"),
    "57P": (LostError, "transient", "database.connection-lost"),
    "08": (LostError, "transient", "database.connection-lost"),
    "58": (UnavailableError, "exception", "database.storage"),
    "XX001": (UnavailableError, "exception", "database.damaged"),
    "XX002": (UnavailableError, "exception", "database.damaged"),
}
# Integrity rules, and what our own functions raise.
_REFUSED = ("23", "KU", "P0001")


def translated(error: BaseException) -> KuskaError | None:
    """The house's error for a foreign one; None where it is a mistake in our own SQL and must stay as it is."""
    if isinstance(error, asyncpg.PostgresError):
        # asyncpg sets these when the message arrives, so its classes do not declare them.
        state: str = getattr(error, "sqlstate", None) or ""
        for key in (state, state[:3], state[:2]):
            if key in _FAMILIES:
                family, code, message = _FAMILIES[key]
                return family(_issue(code, message))
        if state.startswith(_REFUSED):
            kind = DuplicateError if state == UNIQUE_VIOLATION else RefusedError
            return kind(state, getattr(error, "constraint_name", None), str(error))
        return None
    if isinstance(error, asyncpg.ClientConfigurationError):
        return UnavailableError(_issue("exception", "database.bad-address"))
    if isinstance(error, TimeoutError):
        return BusyError(_issue("timeout", "database.too-slow"))
    if isinstance(error, FOREIGN) and _lost(error):
        return LostError(_issue("transient", "database.connection-lost"))
    return None


def _lost(error: BaseException) -> bool:
    # asyncpg says several things with one class; only those about a closed connection are the network's. The internal
    # error is the server's farewell, when it arrives between two statements and confuses the driver.
    if isinstance(error, (OSError, asyncpg.InternalClientError)):
        return True
    return any(word in str(error) for word in ("clos", "released back"))


def raise_translated(error: BaseException) -> NoReturn:
    """From inside the handling of `error`: as one of ours where it has a translation, else as it is."""
    if (ours := translated(error)) is not None:
        raise ours from error
    raise error


@contextmanager
def border() -> Generator[None]:
    """Whatever foreign error passes here leaves as one of ours."""
    try:
        yield
    except FOREIGN as error:
        raise_translated(error)
