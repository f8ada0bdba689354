"""Signing out here, and then at the identity provider by which one came: a real browser, site and provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect
from tests.portal.browser.living import Live
from tests.portal.browser.looking import look
from tests.portal.browser.test_outside import hospital, signed_in_there
from tests.security.usecases.external.conftest import RealProvider, idp

from kuska.security.usecases.external.errors import ProviderDownError
from kuska.security.usecases.external.relying import Relying

__all__ = ["hospital", "idp"]  # fixtures
pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("AP-10")]
THERE = "Salir también de Hospital San Juan"


async def came_in(page: Page, hospital: RealProvider) -> None:
    login = f"ana-{uuid4()}"
    await hospital.people(**{login: {"groups": ["admision"], "name": "Ana Quispe"}})
    await page.goto("/externo/hospital?next=/cuenta")
    await signed_in_there(page, login, "pwd mfa")
    await expect(page).to_have_url("/cuenta")


async def test_who_came_by_a_provider_leaves_it_too(page: Page, hospital: RealProvider, axe: str) -> None:
    # The provider's own page asks for one, which no test fetches.
    await page.context.route("https://fonts.googleapis.com/**", lambda route: route.fulfill(content_type="text/css"))
    await came_in(page, hospital)
    await page.get_by_role("button", name="Salir").click()
    await expect(page.get_by_role("status")).to_contain_text("Salió de Kuska")
    await look(page, axe, "left-provider-1280")
    # Signed out here only: the provider would let the next one at this computer in without a question.
    await page.get_by_role("link", name=THERE).click()
    assert page.url.startswith(f"{hospital.issuer}/session/end")
    await page.locator("button[name=logout]").first.click()
    await expect(page).to_have_url("/login")
    await page.goto("/externo/hospital")
    await expect(page.locator("input[name=login]")).to_be_visible()
    assert page.url.startswith(hospital.issuer)


async def test_who_did_not_is_not_asked(
    window: Callable[..., Awaitable[Page]], live: Live, hospital: RealProvider
) -> None:
    page = await window(await live.cookie("results"))
    await page.goto("/cuenta")
    await page.get_by_role("button", name="Salir").click()
    await expect(page.get_by_role("status")).to_contain_text("Salió de Kuska")
    await expect(page.get_by_role("link", name=THERE)).to_have_count(0)
    await page.goto("/login?aviso=salida&de=//evil.example")
    await expect(page.locator("main a[href*=evil]")).to_have_count(0)
    answer = await page.goto("/externo/nobody/salir")
    assert answer
    assert answer.status == 404


async def test_a_provider_that_is_down_keeps_nobody_here(
    page: Page, hospital: RealProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await came_in(page, hospital)

    async def down(*_: object) -> str:
        raise ProviderDownError("Hospital San Juan", "external.down")

    monkeypatch.setattr(Relying, "way_out", down)
    await page.get_by_role("button", name="Salir").click()
    await expect(page.get_by_role("status")).to_contain_text("Salió de Kuska")
    link = await page.get_by_role("link", name=THERE).get_attribute("href")
    answer = await page.request.get(link or "", max_redirects=0)
    assert answer.status == 503
    await page.goto("/cuenta")
    await expect(page).to_have_url("/login?next=/cuenta")


async def test_a_provider_without_a_way_out_says_what_to_do(
    page: Page, hospital: RealProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*_: object) -> str:
        return ""

    monkeypatch.setattr(Relying, "way_out", none)
    await page.goto("/externo/hospital/salir")
    await expect(page.get_by_role("alert")).to_contain_text("cierre el navegador")
