from __future__ import annotations

import asyncpg
import pytest

from kuska.infra.postgres.errors import (
    ContentionError,
    DuplicateError,
    LostError,
    RefusedError,
    border,
    translated,
)
from kuska.kit.errors import BusyError, Family, IncorrectError, KuskaError, UnavailableError


@pytest.mark.parametrize(
    ("foreign", "ours", "message"),
    [
        (asyncpg.DiskFullError("x"), UnavailableError, "database.disk-full"),
        (asyncpg.TooManyConnectionsError("x"), BusyError, "database.too-many-connections"),
        (asyncpg.DeadlockDetectedError("x"), ContentionError, "database.contention"),
        (asyncpg.SerializationError("x"), ContentionError, "database.contention"),
        (asyncpg.QueryCanceledError("x"), BusyError, "database.too-slow"),
        (asyncpg.LockNotAvailableError("x"), BusyError, "database.locked"),
        (asyncpg.AdminShutdownError("x"), LostError, "database.connection-lost"),
        (asyncpg.CannotConnectNowError("x"), LostError, "database.connection-lost"),
        (asyncpg.InvalidPasswordError("x"), UnavailableError, "database.no-access"),
        (asyncpg.InvalidCatalogNameError("x"), UnavailableError, "database.no-database"),
        (asyncpg.UniqueViolationError("x"), DuplicateError, "database.refused"),
        (asyncpg.CheckViolationError("x"), RefusedError, "database.refused"),
        (asyncpg.CharacterNotInRepertoireError("x"), IncorrectError, "database.not-text"),
        (asyncpg.UntranslatableCharacterError("x"), IncorrectError, "database.not-text"),
        (asyncpg.DataCorruptedError("x"), UnavailableError, "database.damaged"),
        (asyncpg.InterfaceError("connection is closed"), LostError, "database.connection-lost"),
        (ConnectionResetError(), LostError, "database.connection-lost"),
        (TimeoutError(), BusyError, "database.too-slow"),
    ],
)
def test_each_trouble_has_its_family(foreign: BaseException, ours: type[KuskaError], message: str) -> None:
    error = translated(foreign)
    assert isinstance(error, ours)
    assert error.issues[0].message == message


def test_a_duplicate_is_a_conflict() -> None:
    error = translated(asyncpg.UniqueViolationError("x"))
    assert error is not None
    assert error.family is Family.CONFLICT


@pytest.mark.parametrize(
    "mistake", [asyncpg.UndefinedColumnError("x"), asyncpg.PostgresSyntaxError("x"), ValueError("x")]
)
def test_our_own_mistakes_stay_what_they_are(mistake: BaseException) -> None:
    assert translated(mistake) is None


def test_the_border_keeps_the_cause() -> None:
    with pytest.raises(UnavailableError) as caught, border():
        raise asyncpg.DiskFullError("no space left on device")
    assert isinstance(caught.value.__cause__, asyncpg.DiskFullError)
