"""The trail's page, and what is opened in an emergency and reviewed, in a real browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import pytest
from playwright.async_api import Page, expect
from tests.portal.browser.conftest import DESK, PHONE
from tests.portal.browser.living import Live
from tests.portal.browser.looking import look

from kuska.countries.pe.identifiers import present_dni
from kuska.portal.audit import routes
from kuska.portal.audit.checking import Checked, Most
from kuska.security.api import NewAccount
from kuska.security.domain.trail_chain import Finding

Window = Callable[..., Awaitable[Page]]
CARD = present_dni("45678901")  # as it is printed
SCOPE = "openid launch/patient offline_access patient/Observation.rs?category=laboratory patient/Condition.rs"


@pytest.mark.requirement("HC-09")
async def test_an_auditor_searches_verifies_and_exports(window: Window, live: Live) -> None:
    await live.cookie("physician")
    page = await window(await live.cookie("auditor"), accept_downloads=True)
    await page.goto("/auditoria")
    await page.get_by_label("Cuenta").fill("medica@example.org")
    await page.get_by_role("combobox", name="Qué").select_option("login")
    await page.get_by_role("button", name="Buscar").click()
    table = page.get_by_role("table")
    await expect(table.get_by_role("row")).not_to_have_count(0)
    assert set(await table.locator("tbody tr td:nth-child(2)").all_inner_texts()) == {
        "Dra. Elena Vargas Soto Médica o médico"
    }
    await page.get_by_role("button", name="Comprobar la cadena").click()
    await expect(page.get_by_role("status")).to_contain_text("La cadena está completa")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Exportar como tabla").click()
    text = (await (await download.value).path()).read_text()
    assert live.accounts["physician"].id in text
    # That the auditor looked is in the trail as well.
    await page.goto("/auditoria?kind=audit")
    await expect(page.get_by_text("Lucía Paredes").nth(1)).to_be_visible()


@pytest.mark.requirement("HC-09")
async def test_what_was_done_to_whom_is_said_in_words(window: Window, live: Live, axe: str) -> None:
    nadia = await live.security.accounts.create(
        NewAccount(login="nadia.leon@example.org", display_name="Nadia León", email="nadia.leon@example.org")
    )
    boss = await window(await live.cookie("administrator"))
    await boss.goto(f"/admin/cuentas/{nadia.id}")
    await boss.get_by_label("Resultados").check()
    await boss.get_by_role("button", name="Guardar roles").click()
    await expect(boss.get_by_role("status")).to_contain_text("Roles guardados")
    refused = await boss.goto("/urgencia")
    assert refused is not None
    assert refused.status == 403
    page = await window(await live.cookie("auditor"))
    await page.goto("/auditoria?kind=account")
    row = page.get_by_role("row").filter(has_text="asignó roles").first
    await expect(row).to_contain_text("Andrés Molina")
    await expect(row).to_contain_text("Nadia León")
    await expect(row).to_contain_text("Roles: ninguno → Resultados")
    made = page.get_by_role("row").filter(has_text="Cuentas: creó").first
    await expect(made).to_contain_text("Operador de la máquina")
    await expect(made).to_contain_text("Nadia León")
    await page.goto("/auditoria?kind=door&outcome=failed")
    shut = page.get_by_role("row").filter(has_text="Andrés Molina").first
    await expect(shut).to_contain_text("quiso usar la página «Urgencia»")
    await expect(shut).to_contain_text("su rol no lo permite")
    await page.goto("/auditoria")
    for view in (PHONE, DESK):
        await page.set_viewport_size(view)
        await look(page, axe, f"audit-{view['width']}")


@pytest.mark.requirement("HC-09")
@pytest.mark.parametrize(("language", "said"), [("es", "no está como se escribió"), ("en", "is not as it was written")])
async def test_a_broken_chain_is_said_in_words(
    window: Window, live: Live, monkeypatch: pytest.MonkeyPatch, language: str, said: str
) -> None:
    broken = Checked(events=3, since=None, whole=False, broken=Finding("changed", date(2026, 11, 20), 7, "e1"))

    async def check(*_: object) -> Checked:
        return broken

    monkeypatch.setattr(routes, "check", check)
    page = await window(await live.cookie("auditor"))
    await page.goto(f"/idioma/{language}?next=/auditoria")
    await page.locator("form[action='/auditoria/comprobar'] button").click()
    await expect(page.get_by_role("status")).to_contain_text(said)
    await expect(page.get_by_role("status")).to_contain_text("20/11/2026")


@pytest.mark.requirement("HC-09")
async def test_a_chain_that_was_verified_in_part_is_not_called_whole(
    window: Window, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await window(await live.cookie("auditor"))
    for most, said in ((Most(events=0), "Lo anterior no se comprobó"), (Most(seconds=0), "No se comprobó nada")):
        monkeypatch.setattr(routes, "Most", lambda most=most: most)
        await page.goto("/auditoria")
        await page.get_by_role("button", name="Comprobar la cadena").click()
        await expect(page.get_by_role("status")).to_contain_text(said)
        await expect(page.get_by_role("status")).to_have_class("note look")
    await page.goto("/auditoria?kind=audit")
    await expect(page.get_by_text("no llegó a todos los días").first).to_be_visible()


@pytest.mark.requirement("HC-09")
async def test_an_export_asks_for_the_factor_again(window: Window, live: Live) -> None:
    page = await window(await live.cookie("auditor"))
    await page.goto("/auditoria")
    live.clock.advance(timedelta(minutes=11))
    await page.get_by_role("button", name="Exportar como tabla").click()
    await expect(page).to_have_url("/verificar?next=/auditoria")


async def test_an_emergency_is_opened_with_a_reason_and_an_alarm(window: Window, live: Live, axe: str) -> None:
    page = await window(await live.cookie("physician"))
    await page.goto("/urgencia")
    await page.get_by_label("Paciente").fill("20202020")
    await page.get_by_label("Motivo").fill("corto")
    await page.get_by_role("button", name="Abrir la historia").click()
    # Who gives no reason does not learn who there is.
    await expect(page.get_by_label("Motivo")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Paciente")).not_to_have_attribute("aria-invalid", "true")
    await page.get_by_label("Motivo").fill("Llega inconsciente a emergencia y no hay quien informe")
    await page.get_by_role("button", name="Abrir la historia").click()
    await expect(page.get_by_label("Paciente")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_role("alert")).to_contain_text("No se encontró a esa persona")
    await page.get_by_label("Paciente").fill(CARD)
    await page.get_by_role("button", name="Abrir la historia").click()
    await expect(page.get_by_role("status")).to_contain_text("Se avisó a protección de datos")
    await live.security.mailroom.send_due()
    await live.mails.to("dpo@example.org")
    # Nor is anybody told a second time of what is open already.
    await page.goto("/urgencia")
    await page.get_by_label("Paciente").fill(CARD)
    await page.get_by_label("Motivo").fill("Llega inconsciente a emergencia y no hay quien informe")
    await page.get_by_role("button", name="Abrir la historia").click()
    await expect(page.get_by_role("status")).to_contain_text("Ya la tenía abierta")
    await page.goto("/urgencia")
    await page.get_by_role("button", name="Cerrar ahora Rosa Quispe Mamani").click()
    await expect(page.get_by_role("status")).to_have_text("Historia cerrada.")
    await expect(page.get_by_role("button", name="Cerrar ahora")).to_have_count(0)
    auditor = await window(await live.cookie("auditor"))
    await auditor.goto("/auditoria?patient=rosa&kind=break-glass")
    await expect(auditor.get_by_text("Llega inconsciente").first).to_be_visible()
    await auditor.get_by_text("Números de referencia").first.click()
    for view in (PHONE, DESK):
        await auditor.set_viewport_size(view)
        await look(auditor, axe, f"audit-numbers-{view['width']}")
    await auditor.get_by_role("link", name="Revisión de urgencias").click()
    await expect(auditor.get_by_role("cell", name="Dra. Elena Vargas Soto").first).to_be_visible()
    await auditor.get_by_role("button", name="Marcar como revisada rosa").first.click()
    await expect(auditor.get_by_role("status")).to_have_text("Apertura marcada como revisada.")
    await expect(auditor.get_by_text("Lucía Paredes").nth(1)).to_be_visible()
    await auditor.get_by_role("link", name="Lo que se vio y se hizo rosa").first.click()
    await expect(auditor.get_by_text("volvió a pedir lo que tenía abierto").first).to_be_visible()


@pytest.mark.requirement("HC-09")
async def test_the_trail_is_asked_by_what_stands_on_the_card(window: Window, live: Live) -> None:
    page = await window(await live.cookie("auditor"))
    await page.goto("/auditoria")
    await page.get_by_label("Paciente").fill("20202020")
    await page.get_by_role("button", name="Buscar").click()
    await expect(page.get_by_label("Paciente")).to_have_attribute("aria-invalid", "true")
    await page.goto("/auditoria?kind=audit")
    await expect(page.get_by_text("20202020")).to_have_count(0)
    await page.goto("/auditoria")
    await page.get_by_label("Paciente").fill(CARD)
    await page.get_by_role("button", name="Buscar").click()
    await expect(page.get_by_role("cell", name="rosa").first).to_be_visible()
