"""A patient's summary as browsers show it: to whom it is open, what it says, and what is left in the trail."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

import httpx
import pytest
from playwright.async_api import Page, expect
from tests.portal.browser.conftest import DESK, PHONE
from tests.portal.browser.living import Live
from tests.portal.browser.looking import look

from kuska.countries.pe.identifiers import present_dni
from kuska.security.api import NewAccount, TrailQuestion

Window = Callable[..., Awaitable[Page]]
CARD = present_dni("45678901")
REASON = "Llega inconsciente a emergencia y no hay quien informe"


async def physician(live: Live) -> tuple[str, str]:
    """One that has not opened anything yet, since only so many records may be opened in an hour: account and cookie."""
    login = f"{secrets.token_hex(4)}@example.org"
    new = NewAccount(login=login, display_name="Dr. Luis Ponce", roles=("physician",), practitioner="luis")
    account = await live.security.accounts.create(new)
    cookie = await live.security.sessions.start(
        account, methods=("pwd", "otp"), pending=False, address="127.0.0.1", agent="test"
    )
    return account.id, cookie


async def seen(live: Live, account: str) -> int:
    """Lines of the trail that say this person saw the summary of Rosa."""
    await live.security.trail.settled()
    asked = TrailQuestion(patient="rosa", account=account, kind="rest", outcome="0")
    found = (await live.security.trail.search(asked)).events
    return sum(event.interaction == "summary" for event in found)


@pytest.mark.requirement("HC-02")
@pytest.mark.requirement("HC-11")
async def test_a_patient_reads_the_own_summary(window: Window, live: Live, axe: str) -> None:
    rosa = live.accounts["patient"].id
    before = await seen(live, rosa)
    page = await window(await live.cookie("patient"), viewport=PHONE)
    await page.goto("/")
    await page.get_by_role("main").get_by_role("link", name="Mi historia clínica").click()
    await expect(page).to_have_url("/paciente/rosa")
    assert await seen(live, rosa) == before + 1
    await expect(page.get_by_role("heading", level=1)).to_have_text("Rosa Quispe Mamani")
    main = page.get_by_role("main")
    for said in ("DNI 45678901-", "femenino", "09/03/1968", "Penicilina", "Anafilaxia", "riesgo alto",
                 "Diabetes mellitus tipo 2", "desde 06/2014", "Metformina 850 mg", "Una tableta con el desayuno",
                 "Consulta de endocrinología", "02/08/2026"):  # fmt: skip
        await expect(main).to_contain_text(said)
    row = page.get_by_role("row").filter(has_text="HbA1c")
    await expect(row).to_contain_text("8.9 %")
    await expect(row).to_contain_text("muy alto")
    await expect(row).to_contain_text("4.0 – 5.6")
    await expect(row).to_contain_text("antes 7.4 %")
    await look(page, axe, "summary-360")
    await page.set_viewport_size(DESK)
    await page.emulate_media(color_scheme="dark")
    await look(page, axe, "summary-1280")
    await page.goto("/idioma/en?next=/paciente/rosa")
    for said in ("female", "high risk", "very high", "before 7.4 %", "Current medication", "since 06/2014"):
        await expect(main).to_contain_text(said)


@pytest.mark.requirement("HC-02")
async def test_programs_get_json_and_strangers_the_way_in(live: Live) -> None:
    cookies = {"kuska": await live.cookie("patient")}
    async with httpx.AsyncClient(base_url=live.url, cookies=cookies) as http:
        for accept, kind in (("*/*", "application/json"), ("text/html,*/*;q=0.8", "text/html; charset=utf-8")):
            answer = await http.get("/paciente/rosa", headers={"accept": accept})
            assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
            assert answer.headers["cache-control"] == "no-store"
            assert "accept" in answer.headers["vary"]
    async with httpx.AsyncClient(base_url=live.url) as http:
        answer = await http.get("/paciente/rosa", headers={"accept": "text/html"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/paciente/rosa")


@pytest.mark.requirement("HC-04")
async def test_who_is_not_theirs_is_nobody(window: Window, live: Live) -> None:
    """The same page for a patient of others and for a number that is nobody's."""
    page = await window(await live.cookie("patient"))
    said: set[str] = set()
    for text in ("closed", "nobody", "17801147"):
        answer = await page.goto(f"/paciente/{text}")
        assert answer is not None
        assert answer.status in (400, 404)
        said.add(f"{answer.status} {await page.get_by_role('alert').inner_text()}")
        await expect(page.get_by_text("Juana")).to_have_count(0)
    assert len(said) == 1, said


@pytest.mark.requirement("HC-09")
async def test_whose_record_was_opened_is_said_by_name(window: Window, live: Live, axe: str) -> None:
    account, cookie = await physician(live)
    page = await window(cookie)
    shut = await page.goto("/paciente/rosa")
    assert shut is not None
    assert shut.status == 404
    await page.goto("/urgencia")
    await expect(page.get_by_text("Rosa Quispe")).to_have_count(0)
    await page.get_by_label("Paciente").fill(CARD)
    await page.get_by_label("Motivo").fill(REASON)
    await page.get_by_role("button", name="Abrir la historia").click()
    await expect(page.get_by_role("heading", level=2)).to_contain_text("Rosa Quispe Mamani · DNI 45678901-")
    for view in (PHONE, DESK):
        await page.set_viewport_size(view)
        await look(page, axe, f"glass-opened-{view['width']}")
    await page.get_by_role("link", name="Ver la historia").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Rosa Quispe Mamani")
    await expect(page.get_by_role("main")).to_contain_text("Abierta en urgencia")
    assert await seen(live, account) == 1
    await page.get_by_role("link", name="Cerrarla").click()
    await expect(page.get_by_role("link", name="Rosa Quispe Mamani")).to_be_visible()
    await look(page, axe, "glass-mine-1280")
    await page.get_by_role("button", name="Cerrar ahora Rosa Quispe Mamani").click()
    await expect(page.get_by_role("status")).to_have_text("Historia cerrada.")
    again = await page.goto("/paciente/rosa")
    assert again is not None
    assert again.status == 404


@pytest.mark.requirement("HC-09")
async def test_who_mistyped_the_number_closes_it_at_once(window: Window, live: Live) -> None:
    _, cookie = await physician(live)
    page = await window(cookie)
    await page.goto("/urgencia")
    await page.get_by_label("Paciente").fill(present_dni("17801147"))
    await page.get_by_label("Motivo").fill(REASON)
    await page.get_by_role("button", name="Abrir la historia").click()
    await expect(page.get_by_role("heading", level=2)).to_contain_text("Juana Flores")
    await page.get_by_role("button", name="No es esta persona: cerrar").click()
    await expect(page.get_by_role("status")).to_have_text("Historia cerrada.")
    await expect(page.get_by_role("button", name="Cerrar ahora Juana Flores")).to_have_count(0)


@pytest.mark.requirement("HC-09")
async def test_who_reviews_ends_an_open_emergency(window: Window, live: Live, axe: str) -> None:
    _, cookie = await physician(live)
    opener = await window(cookie)
    await opener.goto("/urgencia")
    await opener.get_by_label("Paciente").fill("closed")
    await opener.get_by_label("Motivo").fill(REASON)
    await opener.get_by_role("button", name="Abrir la historia").click()
    await expect(opener.get_by_role("heading", level=2)).to_contain_text("Juana Flores")
    page = await window(await live.cookie("auditor"), viewport=PHONE)
    await page.goto("/urgencia/revision")
    await look(page, axe, "review-open-360")
    await page.set_viewport_size(DESK)
    await look(page, axe, "review-open-1280")
    await page.get_by_role("button", name="Cerrar ahora closed").click()
    await expect(page).to_have_url("/urgencia/revision?cerrada")
    await expect(page.get_by_role("status")).to_have_text("Historia cerrada.")
    await expect(page.get_by_role("button", name="Cerrar ahora closed")).to_have_count(0)
    shut = await opener.goto("/paciente/closed")
    assert shut is not None
    assert shut.status == 404
