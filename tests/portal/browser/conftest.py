"""Chromium, and the whole site alive for it (living.py).

live      one site for the whole run, with a database of its own
browser   one Chromium for the whole run
page      an empty window; complaints of the browser (console, CSP) fail the test
signed    a window of somebody who is signed in: `await signed("auditor")`
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Request,
    ViewportSize,
    async_playwright,
)
from tests.portal.browser.living import Live, alive

from kuska.infra.postgres.database import Database, Limits

ROOT = Path(__file__).parents[3]
SCREENSHOTS = ROOT / "build" / "screenshots"
PHONE: ViewportSize = {"width": 360, "height": 740}
DESK: ViewportSize = {"width": 1280, "height": 800}
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
async def live(server_dsn: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    name = f"test_{os.getpid()}_{secrets.token_hex(4)}"
    conn = await asyncpg.connect(server_dsn)
    await conn.execute(f"create database {name} template {template}")
    db = await Database.open(
        urlunsplit(urlsplit(server_dsn)._replace(path=f"/{name}")), Limits(read_connections=4, write_connections=4)
    )
    try:
        async with alive(db, tmp_path_factory.mktemp("data")) as found:
            yield found
    finally:
        await db.close()
        await conn.execute(f"drop database if exists {name} with (force)")
        await conn.close()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "Chromium is missing: run dev/setup as root, or install it"
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield started
        await started.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core."""
    file = ROOT / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
    if not file.exists():
        subprocess.run([ROOT / "dev" / "setup_tests"], check=True)
    return file.read_text()


Opener = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
def resting() -> list[Page]:
    """Windows that a test has left, emptied: a new one costs as much as two or three pages."""
    return []


def _heard(said: list[str]) -> dict[str, Callable[..., None]]:
    """What is written down of a page that complains."""

    def failed(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left before its icon was there
            said.append(f"{request.url}: {request.failure}")

    def wrote(line: ConsoleMessage) -> None:
        if line.type in ("error", "warning"):
            said.append(line.text)

    def broke(error: Error) -> None:
        said.append(str(error))

    return {"console": wrote, "pageerror": broke, "requestfailed": failed}


@pytest.fixture
async def window(browser: Browser, live: Live, resting: list[Page]) -> AsyncIterator[Opener]:
    """`own`: one that nobody had before or gets afterwards, for whatever is attached to it or asks what is behind it."""
    lent: list[Page] = []
    contexts: list[BrowserContext] = []
    said: list[str] = []
    heard = _heard(said)

    async def opened(
        cookie: str = "",
        *,
        complaints: bool = True,
        own: bool = False,
        viewport: ViewportSize = DESK,
        **options: object,
    ) -> Page:
        if resting and not own and not options:
            page = resting.pop()
            await page.set_viewport_size(viewport)
        else:
            context = await browser.new_context(base_url=live.url, locale="es-PE", viewport=viewport, **options)
            context.set_default_timeout(30_000)
            page = await context.new_page()
        if own or options:
            contexts.append(page.context)
        else:
            lent.append(page)
        if cookie:
            await page.context.add_cookies([{"name": "kuska", "value": cookie, "url": live.url, "httpOnly": True}])
        if complaints:
            for event, hear in heard.items():
                page.on(event, hear)
        return page

    yield opened
    for context in contexts:
        await context.close()
    for page in lent:
        for event, hear in heard.items():
            with contextlib.suppress(KeyError):  # one that was not to be heard
                page.remove_listener(event, hear)
        await emptied(page)
        resting.append(page)
    # The browser writes a line for every answer of 400 and above; those are meant.
    assert not [line for line in said if "the server responded with a status of 4" not in line]


async def emptied(page: Page) -> None:
    """Nobody is signed in, nothing is in the way of its requests, nothing open."""
    await page.goto("about:blank")
    await page.context.clear_cookies()
    await page.unroute_all()
    await page.context.unroute_all()
    await page.emulate_media(color_scheme="light")


@pytest.fixture
async def page(window: Opener) -> Page:
    return await window(own=True)
