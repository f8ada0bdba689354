"""Another process does large requests: one at a time, small ones first; it ends by itself, and nobody waits for a dead one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kuska.infra.web.annex import Annex, AnnexFullError, AnnexLostError, described

pytestmark = [pytest.mark.requirement("LW-20")]
_COMMAND = [sys.executable, "-m", "tests.infra.web.annexed"]


def request(path: str = "/") -> dict[str, Any]:
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": path,
        "query_string": b"a=%C3",
        "extensions": {},
    }
    return described({**scope, "client": ("192.0.2.7", 4711)}, [(b"x-given", b"\xc3")])


@pytest.fixture
async def annex() -> AsyncIterator[Annex]:
    opened = Annex(_COMMAND, 64 * 1024 * 1024)
    yield opened
    await opened.close()


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_another_process_answers_all_of_it(annex: Annex) -> None:
    body = os.urandom(5_000_000)
    passed = await annex.answer(request(), body)
    assert (passed.status, passed.headers) == (201, [(b"x-seen", b"\xc3")])
    assert passed.body == b"192.0.2.7 " + body
    pid = annex.pid
    assert pid not in (None, os.getpid())
    await annex.answer(request(), b"")
    assert annex.pid == pid


async def test_it_ends_when_it_is_idle_and_begins_anew() -> None:
    annex = Annex(_COMMAND, 1024, idle_seconds=0.05)
    await annex.answer(request(), b"x")
    await until(lambda: annex.pid is None)
    await until(lambda: not [each for each in annex._leaving if each.poll() is None])
    assert (await annex.answer(request(), b"x")).status == 201
    await annex.close()
    assert annex.pid is None


async def test_who_was_at_work_in_a_process_that_died_is_told_and_the_next_one_served(annex: Annex) -> None:
    with pytest.raises(AnnexLostError):
        await annex.answer(request("/die"), b"")
    assert (await annex.answer(request(), b"")).status == 201
    assert annex.pid is not None
    os.kill(annex.pid, signal.SIGKILL)
    process = annex._process
    assert process is not None
    await until(lambda: process.poll() is not None)
    assert (await annex.answer(request(), b"")).status == 201


class Held:
    """A request that is under way until it is let go."""

    def __init__(self, annex: Annex, folder: Path) -> None:
        self._annex, self._path = annex, folder / "sock"

    async def __aenter__(self) -> asyncio.Task[Any]:
        begun = asyncio.Event()

        async def seen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            begun.set()
            writer.close()

        self._server = await asyncio.start_unix_server(seen, self._path)
        self._task = asyncio.create_task(self._annex.answer(request("/wait"), str(self._path).encode()))
        async with asyncio.timeout(60):
            await begun.wait()
        return self._task

    def release(self) -> None:
        self._path.unlink(missing_ok=True)

    async def __aexit__(self, *_: object) -> None:
        self.release()
        self._server.close()
        await asyncio.wait([self._task])


async def test_one_at_a_time_the_smallest_first(annex: Annex, tmp_path: Path) -> None:
    done: list[int] = []

    async def one(size: int) -> None:
        await annex.answer(request(), b"x" * size)
        done.append(size)

    held = Held(annex, tmp_path)
    async with held:
        waiting = [asyncio.create_task(one(size)) for size in (3000, 1000, 2000)]
        await until(lambda: len(annex._waiting) == 3)
        assert not done
        waiting[1].cancel()
        held.release()
        await asyncio.wait(waiting)
    assert done == [2000, 3000]


async def test_what_waits_is_bounded(tmp_path: Path) -> None:
    annex = Annex(_COMMAND, 10_000)
    async with Held(annex, tmp_path):
        waiting = asyncio.create_task(annex.answer(request(), b"x" * 6000))
        await until(lambda: annex._waiting)
        with pytest.raises(AnnexFullError):
            await annex.answer(request(), b"x" * 6000)
    assert (await waiting).status == 201
    # One alone is done however large it is: what it may be is said elsewhere.
    assert (await annex.answer(request(), b"x" * 20_000)).status == 201
    assert annex._held == 0
    await annex.close()


async def test_who_stops_waiting_in_the_middle_leaves_no_answer_for_the_next(annex: Annex, tmp_path: Path) -> None:
    async with Held(annex, tmp_path) as task:
        task.cancel()
        await asyncio.wait([task])
        passed = await annex.answer(request(), b"mine")
    assert passed.body.endswith(b" mine")
