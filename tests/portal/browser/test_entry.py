"""Coming in and going out, in a real browser."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from tests.portal.browser.living import PASSWORD, PEOPLE


async def sign_in(page: Page, login: str, password: str = PASSWORD) -> None:
    await page.goto("/login")
    await page.get_by_label("Correo o número de documento").fill(login)
    await page.get_by_label("Contraseña").fill(password)
    await page.get_by_role("button", name="Ingresar", exact=True).click()


@pytest.mark.requirement("HC-04")
async def test_signs_in_and_out(page: Page) -> None:
    await sign_in(page, PEOPLE["patient"][0])
    await expect(page.get_by_role("heading", level=1)).to_have_text("Hola, Rosa Quispe Mamani")
    await page.get_by_role("button", name="Salir").click()
    await expect(page.get_by_role("status")).to_contain_text("Salió de Kuska")
    await page.goto("/cuenta")
    await expect(page).to_have_url("/login?next=/cuenta")
    assert {cookie["name"] for cookie in await page.context.cookies()} <= {"kuska-entry"}


@pytest.mark.requirement("HC-04")
async def test_a_wrong_password_and_an_unknown_person_look_the_same(page: Page) -> None:
    said: list[str] = []
    for login in (PEOPLE["patient"][0], "nadie@example.org"):
        await sign_in(page, login, "otra cosa muy distinta")
        said.append(await page.get_by_role("alert").inner_text())
        assert await page.get_by_label("Correo o número de documento").input_value() == login
        assert not await page.get_by_label("Contraseña").input_value()
    assert said[0] == said[1]
