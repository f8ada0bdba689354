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

from kuska.security.api import Caller
from kuska.security.domain.clients import Client
from kuska.security.domain.scopes import read

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
    "auditor": ["/auditoria", "/urgencia/revision", "/auditoria?patient=nobody", "/admin/roles"],
}


@pytest.mark.requirement("HC-11")
@pytest.mark.requirement("HC-05")
@pytest.mark.parametrize("role", ["", *OF_ROLES])
async def test_every_page(window: Callable[..., Awaitable[Page]], live: Live, axe: str, role: str) -> None:
    if role == "administrator":
        await two_of_one_name(live)
    page = await window(await live.cookie(role) if role else "", viewport=PHONE)
    for path in OF_ROLES[role] if role else STRANGER:
        await page.goto(path.replace("{account}", live.accounts["physician"].id))
        for view in (PHONE, DESK):
            await page.set_viewport_size(view)
            await page.emulate_media(color_scheme="light" if view == PHONE else "dark")
            await look(page, axe, picture(role, path, view["width"]))


def picture(role: str, path: str, width: int) -> str:
    place = path.partition("?")[0].translate({ord("/"): "-", ord("{"): None, ord("}"): None})
    return f"{role or 'stranger'}{place}{'-nothing' if '?' in path else ''}-{width}"


async def two_of_one_name(live: Live) -> None:
    """Applications are told apart by more than what they call themselves."""
    for id_ in ("look-one", "look-two"):
        client = Client(
            id=id_,
            name="Mi Salud",
            kind="public",
            redirects=("https://app.example.org/back",),
            grants=("authorization_code",),
            scope=read("openid launch/patient patient/Observation.rs"),
            patient_facing=True,
        )
        await live.security.oauth.clients.replace(client, Caller(kind="system"))


async def test_axe_sees(page: Page, axe: str) -> None:
    """That nothing is found means something."""
    await page.goto("/")
    await page.evaluate("document.querySelector('main').append(document.createElement('img'))")
    with pytest.raises(AssertionError, match="image-alt"):
        await look_with_axe(page, axe, "/")
