"""The admission desk gives a patient access, in a real browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date

import pytest
from playwright.async_api import Page, expect
from tests.portal.browser.living import PASSWORD, Live
from tests.portal.browser.test_entry import choose_password, sign_in

from kuska.security.api import NewAccount
from kuska.security.contracts import PatientMatch

Window = Callable[..., Awaitable[Page]]
DNI = "17801146"


async def invite(page: Page, document: str, email: str) -> None:
    await page.goto("/admision/invitar")
    await page.get_by_label("Número de documento").fill(document)
    await page.get_by_label("Fecha de nacimiento").fill("1980-05-17")
    await page.get_by_label("Correo electrónico").fill(email)
    await page.get_by_role("button", name="Enviar invitación").click()


@pytest.mark.requirement("HC-04")
async def test_the_desk_invites_a_patient(window: Window, page: Page, live: Live) -> None:
    live.patients.found[DNI, date(1980, 5, 17)] = PatientMatch("juana", "Juana Flores", ())
    desk = await window(await live.cookie("admissions"))
    await desk.goto("/")
    await desk.get_by_role("link", name="Invitar pacientes").first.click()
    await expect(desk).to_have_url("/admision/invitar")
    await invite(desk, "41111115", "juana@example.org")
    await expect(desk.get_by_role("alert")).to_contain_text("No hay exactamente un paciente")
    await invite(desk, f"{DNI}-0", "juana@example.org")
    await expect(desk.get_by_role("status")).to_contain_text("Invitación enviada")
    await choose_password(page, await live.mail_to("juana@example.org"), "otra frase todavía más larga")
    await sign_in(page, DNI, "otra frase todavía más larga")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Hola, Juana Flores")


@pytest.mark.requirement("HC-04")
@pytest.mark.parametrize("role", ["patient", "auditor", "physician"])
async def test_nobody_else_does(window: Window, live: Live, role: str) -> None:
    page = await window(await live.cookie(role))
    answer = await page.goto("/admision/invitar")
    assert answer is not None
    assert answer.status == 403


@pytest.mark.requirement("HC-04")
async def test_an_administrator_corrects_what_was_written_wrongly(window: Window, live: Live) -> None:
    account = await live.security.accounts.create(
        NewAccount(login="nadia@example.org", display_name="Nadai Ríos", email="nadia@example.org"), PASSWORD
    )
    cookie = await live.security.sessions.start(
        account, methods=("pwd",), pending=False, address="127.0.0.1", agent="Firefox"
    )
    page = await window(await live.cookie("administrator"))
    await page.goto(f"/admin/cuentas/{account.id}")
    await page.get_by_role("link", name="Corregir datos").click()
    await page.get_by_label("Nombre completo").fill("Nadia Ríos")
    await page.get_by_label("Correo").fill("no es un correo")
    await page.locator("form.card").evaluate("form => form.noValidate = true")
    await page.get_by_role("button", name="Guardar datos").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Correo").fill("nadia.rios@example.org")
    await page.get_by_role("button", name="Guardar datos").click()
    await expect(page.get_by_role("status")).to_contain_text("Datos guardados")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Nadia Ríos")
    await live.security.mailroom.send_due()
    assert live.mails.sent[-1].to == "nadia@example.org"
    assert await live.security.sessions.find(cookie, "127.0.0.1")
    await page.get_by_role("button", name="Cerrar sus sesiones").click()
    await expect(page.get_by_role("status")).to_contain_text("Sesiones cerradas")
    assert await live.security.sessions.find(cookie, "127.0.0.1") is None
