from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from kuska.kit.errors import BusyError
from kuska.security.settings import SecuritySettings
from kuska.security.usecases.accounts.hashing import Hasher

pytestmark = pytest.mark.requirement("HC-04")


@pytest.fixture
def hasher() -> Iterator[Hasher]:
    made = Hasher(SecuritySettings(argon2_memory=7_168, argon2_passes=1), 1)
    yield made
    made.close()


async def test_argon2id_with_the_parameters_that_are_set(hasher: Hasher) -> None:
    stored = await hasher.hash("cuatro perros azules")
    assert stored.startswith("$argon2id$v=19$m=7168,t=1,p=1$")
    assert await hasher.hash("cuatro perros azules") != stored


def test_the_defaults_are_owasps() -> None:
    settings = SecuritySettings()
    assert (settings.argon2_memory, settings.argon2_passes, settings.argon2_lanes) == (19_456, 2, 1)


async def test_matches(hasher: Hasher) -> None:
    stored = await hasher.hash("ñandú en Puno 7")
    assert await hasher.matches("n\u0303andu\u0301 en Puno 7", stored)
    assert not await hasher.matches("Ñandú en Puno 7", stored)
    assert not await hasher.matches("", stored)
    assert not await hasher.matches("\ud800", stored)
    assert not await hasher.matches("ñandú en Puno 7", "not a hash")


async def test_nobody_matches_nothing(hasher: Hasher) -> None:
    for password in ("", "x", "x" * 100_000):
        assert not await hasher.matches(password, None)


async def test_the_loop_answers_others_meanwhile(hasher: Hasher, monkeypatch: pytest.MonkeyPatch) -> None:
    loop_thread = threading.get_ident()
    threads: list[int] = []
    free = threading.Event()

    def verified(text: str, stored: str) -> bool:
        threads.append(threading.get_ident())
        return free.wait(10)

    monkeypatch.setattr(hasher, "verified", verified)
    running = [asyncio.create_task(hasher.matches("x", "y")) for _ in range(32)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await hasher.matches("x", "y")
    free.set()
    assert all(await asyncio.gather(*running))
    assert loop_thread not in threads
    assert await hasher.matches("x", "y")
