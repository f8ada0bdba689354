"""Every page, as a phone (light) and a desk (dark) see it: nothing runs off the side, nothing that axe or the browser complains about.

With KUSKA_TEST_SCREENSHOTS=1 pictures are left in build/screenshots.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page
from tests.portal.browser.conftest import DESK, PHONE
from tests.portal.browser.living import Live
from tests.portal.browser.looking import look, look_with_axe

STRANGER = ["/", "/login", "/registro", "/clave", "/nowhere"]
OF_ROLES = {
    "patient": ["/", "/cuenta", "/cuenta/clave", "/cuenta/codigos", "/cuenta/llave"],
    "physician": ["/", "/urgencia"],
    "administrator": [
        "/admin/cuentas",
        "/admin/cuentas/{account}",
        "/admin/cuentas/invitar",
        "/admin/roles",
        "/admin/roles/physician",
        "/admin/roles/physician/cambiar",
        "/admin/clientes",
    ],
    "auditor": ["/auditoria", "/auditoria?patient=nobody", "/admin/roles"],
}


@pytest.mark.requirement("HC-11")
@pytest.mark.requirement("HC-05")
@pytest.mark.parametrize("view", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("role", ["", *OF_ROLES])
async def test_every_page(
    window: Callable[..., Awaitable[Page]], live: Live, axe: str, role: str, view: dict[str, int]
) -> None:
    page = await window(
        await live.cookie(role) if role else "", viewport=view, color_scheme="light" if view == PHONE else "dark"
    )
    for path in OF_ROLES[role] if role else STRANGER:
        await page.goto(path.replace("{account}", live.accounts["physician"].id))
        name = f"{role or 'stranger'}{path.partition('?')[0].replace('/', '-')}-{view['width']}"
        await look(page, axe, name)


async def test_axe_sees(page: Page, axe: str) -> None:
    """That nothing is found means something."""
    await page.goto("/")
    await page.evaluate("document.querySelector('main').append(document.createElement('img'))")
    with pytest.raises(AssertionError, match="image-alt"):
        await look_with_axe(page, axe, "/")
