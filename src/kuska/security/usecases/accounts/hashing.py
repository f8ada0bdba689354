"""argon2id in a few threads of its own, so that the event loop answers others meanwhile.

https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kuska.kit.errors import BusyError, Issue
from kuska.security.domain.passwords import MAX_LENGTH, normal
from kuska.security.settings import AccountSettings
from kuska.security.usecases.secrets import new_secret

T = TypeVar("T")
# Who comes when so many wait for each thread is told to come back: about a second of work.
_WAITING = 32


class Hasher:
    def __init__(self, settings: AccountSettings, threads: int | None = None) -> None:
        self._argon2 = PasswordHasher(
            time_cost=settings.argon2_passes,
            memory_cost=settings.argon2_memory,
            parallelism=settings.argon2_lanes,
        )
        self._threads = threads or _cores()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="argon2")
        self._running = 0
        # Of a password that nobody knows: what is verified when there is no account.
        self._nobody = self._argon2.hash(new_secret())

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._argon2.hash(_octets(normal(password))))

    async def matches(self, password: str, stored: str | None) -> bool:
        """The same work is done when there is nothing stored, or nothing that could match."""
        known = stored is not None and len(password) <= 4 * MAX_LENGTH
        text = normal(password) if known else new_secret()
        return await self._run(lambda: self.verified(text, stored if known and stored else self._nobody)) and known

    def verified(self, text: str, stored: str) -> bool:
        try:
            return self._argon2.verify(stored, _octets(text))
        except (VerificationError, InvalidHashError):
            return False

    def outdated(self, stored: str) -> bool:
        """Made with other parameters than are set now."""
        return self._argon2.check_needs_rehash(stored)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._running >= _WAITING * self._threads:
            raise BusyError(Issue(code="throttled", message="account.busy"))
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._running -= 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _octets(text: str) -> bytes:
    """Half a character is one too, when it comes from outside."""
    return text.encode("utf-8", "surrogatepass")
