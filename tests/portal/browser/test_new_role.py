"""An administrator makes a role that the program does not bring."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect
from tests.portal.browser.living import Live

Window = Callable[..., Awaitable[Page]]
pytestmark = pytest.mark.requirement("HC-04")


async def test_a_new_role(window: Window, live: Live) -> None:
    name = f"nursing-{secrets.token_hex(3)}"
    page = await window(await live.cookie("administrator"))
    await page.goto("/admin/roles")
    await page.get_by_label("Rol nuevo").fill(name)
    await page.get_by_role("button", name="Describirlo").click()
    await expect(page).to_have_url(f"/admin/roles/{name}/cambiar")
    await page.get_by_label("Permisos en la historia").fill("user/Observation.crus user/Patient.rs")
    await page.locator("#purposes").fill("TREAT")
    await page.get_by_role("button", name="Guardar versión nueva").click()
    await expect(page.get_by_role("status")).to_contain_text("guardada")
    made = (await live.security.roles.current())[name]
    assert (made.version, made.reach, made.factors, made.purposes) == (1, "care", True, ("TREAT",))
    assert len(made.scopes) == 2
    # Its name is taken now: what is opened is the role, not an empty one.
    await page.goto(f"/admin/roles/nuevo?nombre={name}")
    await expect(page.locator("#purposes")).to_have_value("TREAT")


@pytest.mark.parametrize("name", ["", "../x", "Dos palabras", "x"])
async def test_what_is_no_name_begins_nothing(window: Window, live: Live, name: str) -> None:
    page = await window(await live.cookie("administrator"))
    await page.goto(f"/admin/roles/nuevo?nombre={name}")
    await expect(page).to_have_url("/admin/roles")


async def test_who_only_reads_roles_is_offered_none(window: Window, live: Live) -> None:
    page = await window(await live.cookie("auditor"))
    await page.goto("/admin/roles")
    await expect(page.get_by_label("Rol nuevo")).to_have_count(0)
