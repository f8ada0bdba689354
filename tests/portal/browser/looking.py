"""One look at a page: nothing off the side, nothing that axe complains about; a picture with KUSKA_TEST_SCREENSHOTS=1."""

from __future__ import annotations

import os

from playwright.async_api import Page
from tests.portal.browser.conftest import SCREENSHOTS


async def look(page: Page, axe: str, name: str) -> None:
    if os.environ.get("KUSKA_TEST_SCREENSHOTS"):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{name} is {wide} px too wide"
    assert await page.locator("h1").count() == 1, name
    assert await page.title(), name
    await look_with_axe(page, axe, name)


async def look_with_axe(page: Page, axe: str, name: str) -> None:
    # By the debugger, which no Content-Security-Policy keeps out; the page itself could not.
    session = await page.context.new_cdp_session(page)
    # Half a megabyte: once a page is enough, however often it is looked at.
    there = await session.send("Runtime.evaluate", {"expression": "'axe' in window"})
    if not there["result"]["value"]:
        await session.send("Runtime.evaluate", {"expression": axe})
    answer = await session.send(
        "Runtime.evaluate",
        {
            "expression": "axe.run({resultTypes: ['violations']}).then(found => JSON.stringify(found.violations.map(each => "
            "each.id + ': ' + each.nodes.map(node => node.html.slice(0, 200)).join(' | '))))",
            "awaitPromise": True,
        },
    )
    await session.detach()
    assert answer["result"]["value"] == "[]", f"{name}: {answer['result']['value']}"
