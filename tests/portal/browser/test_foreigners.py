"""Who has no citizen's document: a foreigner's card or a passport, wherever a document is typed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date

import pytest
from playwright.async_api import Page, expect
from tests.portal.browser.conftest import DESK, PHONE
from tests.portal.browser.living import Live
from tests.portal.browser.looking import look
from tests.portal.browser.test_summary_page import REASON, physician

from kuska.security.contracts import PatientMatch

Window = Callable[..., Awaitable[Page]]
CARD, BORN = "009876543", "1991-02-03"  # a foreigner's card, which no DNI can be
KIND = "Tipo de documento"


async def fill(page: Page, kind: str, number: str, email: str) -> None:
    await page.get_by_label(KIND).select_option(kind)
    await page.get_by_label("Número de documento").fill(number)
    await page.get_by_label("Fecha de nacimiento").fill(BORN)
    await page.get_by_label("Correo electrónico").fill(email)


@pytest.mark.requirement("HC-04")
async def test_a_foreigner_makes_an_account(page: Page, live: Live, axe: str) -> None:
    match = PatientMatch("wei", "Wei Chen", ("wei@example.org",))
    live.patients.found[CARD, date.fromisoformat(BORN)] = match
    await page.goto("/registro")
    await expect(page.get_by_label(KIND)).to_have_value("dni")
    for view in (PHONE, DESK):
        await page.set_viewport_size(view)
        await look(page, axe, f"registration-kinds-{view['width']}")
    await fill(page, "DNI", CARD, "wei@example.org")
    await page.get_by_role("button", name="Enviar enlace").click()
    await expect(page.get_by_label("Número de documento")).to_have_attribute("aria-invalid", "true")
    await fill(page, "Carné de extranjería", "no", "wei@example.org")
    await page.get_by_role("button", name="Enviar enlace").click()
    await expect(page.get_by_label(KIND)).to_have_value("ce")
    await fill(page, "Carné de extranjería", CARD, "wei@example.org")
    await page.get_by_role("button", name="Enviar enlace").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Revise su correo")
    assert "/invitacion/" in await live.mail_to("wei@example.org")


@pytest.mark.requirement("HC-04")
async def test_the_desk_invites_a_foreigner(window: Window, live: Live, axe: str) -> None:
    live.patients.found["AB123456", date.fromisoformat(BORN)] = PatientMatch("ana", "Ana Costa", ())
    page = await window(await live.cookie("admissions"))
    await page.goto("/admision/invitar")
    await fill(page, "Pasaporte", "ab123456", "ana.costa@example.org")
    await look(page, axe, "desk-kinds-1280")
    await page.get_by_role("button", name="Enviar invitación").click()
    await expect(page.get_by_role("status")).to_contain_text("Invitación enviada")
    assert "/invitacion/" in await live.mail_to("ana.costa@example.org")


@pytest.mark.requirement("HC-09")
async def test_a_foreigners_record_is_opened_in_an_emergency_and_audited(window: Window, live: Live, axe: str) -> None:
    _, cookie = await physician(live)
    page = await window(cookie)
    await page.goto("/urgencia")
    await expect(page.get_by_label(KIND)).to_have_value("")
    await look(page, axe, "glass-kinds-1280")
    for kind in ("", "ce"):
        await page.get_by_label(KIND).select_option(kind)
        await page.get_by_label("Paciente").fill("001234567")
        await page.get_by_label("Motivo").fill(REASON)
        await page.get_by_role("button", name="Abrir la historia").click()
        if not kind:
            await expect(page.get_by_role("alert")).to_contain_text("No se encontró a esa persona")
    await expect(page.get_by_role("heading", level=2)).to_contain_text("Liang Wei")
    auditor = await window(await live.cookie("auditor"))
    await auditor.goto("/auditoria")
    await auditor.get_by_label(KIND).select_option("Carné de extranjería")
    await auditor.get_by_label("Paciente").fill("001234567")
    await auditor.get_by_role("button", name="Buscar").click()
    await expect(auditor.get_by_role("cell", name="liang").first).to_be_visible()
    await auditor.get_by_label("Paciente").fill("000000001")
    await auditor.get_by_role("button", name="Buscar").click()
    await expect(auditor.get_by_label("Paciente")).to_have_attribute("aria-invalid", "true")
    await auditor.goto("/auditoria?kind=audit")
    await expect(auditor.get_by_text("000000001")).to_have_count(0)
