"""What administrators do: roles, accounts, and what nobody else may open."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

import pyotp
import pytest
from playwright.async_api import Page, expect
from tests.portal.browser.living import Live
from tests.portal.browser.looking import look

from kuska.security.api import NewAccount

Window = Callable[..., Awaitable[Page]]


@pytest.mark.requirement("HC-04")
async def test_an_administrator_edits_a_role(window: Window, live: Live, axe: str) -> None:
    page = await window(await live.cookie("administrator"))
    await page.goto("/admin/roles/integrator")
    before = (await live.security.roles.current())["integrator"]
    await page.get_by_role("link", name="Cambiar").click()
    scopes = page.get_by_label("Permisos en la historia")
    as_it_was = await scopes.input_value()
    await scopes.fill(f"{as_it_was}\nuser/Nonsense.rs")
    await page.get_by_role("button", name="Guardar versión nueva").click()
    await expect(page.get_by_role("alert")).to_contain_text("Nonsense")
    await look(page, axe, "role-refused-1280")
    await expect(scopes).to_have_value(f"{as_it_was}\nuser/Nonsense.rs")
    await scopes.fill(f"{as_it_was}\nuser/Device.rs")
    await page.get_by_role("button", name="Guardar versión nueva").click()
    await expect(page.get_by_role("status")).to_contain_text("guardada")
    await expect(page.locator(".diff ins")).to_have_text("+ scopes: user/Device.rs")
    await look(page, axe, "role-changed-1280")
    await expect(page.get_by_text("por Andrés Molina")).to_be_visible()
    after = (await live.security.roles.current())["integrator"]
    assert after.version == before.version + 1
    # Nothing else changed on the way through the form.
    assert (after.features, after.purposes, after.reach, after.factors, after.areas) == (
        before.features,
        before.purposes,
        before.reach,
        before.factors,
        before.areas,
    )


@pytest.mark.requirement("HC-04")
async def test_roles_are_given_and_an_account_is_disabled(window: Window, live: Live) -> None:
    page, cookie = await window(await live.cookie("administrator")), await live.cookie("steward")
    await page.goto(f"/admin/cuentas/{live.accounts['steward'].id}")
    await page.get_by_label("Resultados").check()
    await page.get_by_role("button", name="Guardar roles").click()
    await expect(page.get_by_role("status")).to_contain_text("Roles guardados")
    await page.get_by_role("button", name="Deshabilitar").click()
    await expect(page.get_by_role("status")).to_contain_text("deshabilitada")
    assert await live.security.sessions.find(cookie, "127.0.0.1") is None
    await page.get_by_role("button", name="Habilitar").click()
    await expect(page.get_by_text("Activa")).to_be_visible()
    # Nobody makes themselves something.
    await page.goto(f"/admin/cuentas/{live.accounts['administrator'].id}")
    await page.get_by_label("Auditoría").check()
    await page.get_by_role("button", name="Guardar roles").click()
    await expect(page.get_by_role("alert")).to_be_visible()


@pytest.mark.parametrize(
    "path", ["/admin/cuentas", "/admin/roles", "/admin/clientes", "/auditoria", "/urgencia", "/urgencia/revision"]
)
async def test_other_roles_are_refused_by_a_page(window: Window, live: Live, path: str) -> None:
    page = await window(await live.cookie("patient"))
    answer = await page.goto(path)
    assert answer
    assert answer.status == 403
    await expect(page.get_by_role("heading", level=1)).to_have_text("No se pudo hacer")
    await expect(page.get_by_role("link", name="Rosa Quispe Mamani")).to_be_visible()


@pytest.mark.requirement("HC-07")
async def test_the_page_that_brings_a_new_cookie_has_forms_that_fit_it(window: Window, live: Live) -> None:
    login = f"{secrets.token_hex(4)}@example.org"
    account = await live.security.accounts.create(
        NewAccount(login=login, display_name="Ana Forma", email=login, roles=("patient",))
    )
    cookie = await live.security.sessions.start(
        account, methods=("pwd",), pending=False, address="127.0.0.1", agent="Firefox"
    )
    page = await window(cookie)
    await page.goto("/cuenta/codigos")
    secret = (await page.locator("strong.code").inner_text()).replace(" ", "")
    await page.get_by_label("Código que muestra la aplicación").fill(pyotp.TOTP(secret).at(live.clock.now()))
    await page.get_by_role("button", name="Confirmar").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sus códigos de recuperación")
    await page.get_by_role("button", name="Salir").click()
    await expect(page.get_by_role("status")).to_contain_text("Salió de Kuska")


async def test_an_account_is_somebody_of_the_record(window: Window, live: Live) -> None:
    page = await window(await live.cookie("administrator"))
    await page.goto("/admin/cuentas/invitar")
    await page.get_by_label("Correo").fill("otro@example.org")
    await page.get_by_label("Nombre completo").fill("Otro Nombre")
    await page.get_by_label("Identificador de profesional").fill("nobody")
    await page.get_by_label("Médica o médico").check()
    await page.get_by_role("button", name="Enviar invitación").click()
    await expect(page.get_by_label("Identificador de profesional")).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("Identificador de profesional").fill("")
    await page.get_by_label("Médica o médico").uncheck()
    await page.get_by_role("checkbox", name="Paciente").check()
    await page.get_by_role("button", name="Enviar invitación").click()
    await expect(page.get_by_role("alert")).to_contain_text("El rol Paciente necesita una historia")
    await expect(page.get_by_role("checkbox", name="Paciente")).to_be_checked()
