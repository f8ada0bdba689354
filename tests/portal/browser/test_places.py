"""What people do once they are in: their own sessions, applications, roles, the trail, an emergency."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from playwright.async_api import Page, expect
from tests.portal.browser.conftest import DESK, PHONE
from tests.portal.browser.living import PASSWORD, Live
from tests.portal.browser.looking import look

from kuska.countries.pe.identifiers import present_dni
from kuska.security.api import Caller
from kuska.security.domain.clients import Client
from kuska.security.domain.scopes import read

Window = Callable[..., Awaitable[Page]]
CARD = present_dni("45678901")  # as it is printed
SCOPE = "openid launch/patient offline_access patient/Observation.rs?category=laboratory patient/Condition.rs"


@pytest.mark.requirement("HC-04")
async def test_one_sees_and_closes_ones_own_sessions(window: Window, live: Live) -> None:
    mine, other = await window(await live.cookie("results")), await window(await live.cookie("results"))
    await other.goto("/cuenta")
    await expect(other).to_have_url("/cuenta")
    await mine.goto("/cuenta")
    sessions = mine.get_by_role("region", name="Sesiones abiertas")
    await expect(sessions.get_by_text("esta sesión")).to_have_count(1)
    await sessions.get_by_role("button", name="Cerrar Firefox").first.click()
    await expect(mine.get_by_role("status")).to_have_text("Sesión cerrada.")
    await other.goto("/cuenta")
    await expect(other).to_have_url("/login?next=/cuenta")


@pytest.mark.requirement("HC-04")
async def test_a_session_of_somebody_else_cannot_be_closed(window: Window, live: Live) -> None:
    victim = await live.cookie("integrator")
    found = await live.security.sessions.find(victim, "127.0.0.1")
    assert found
    mine = await window(await live.cookie("results"))
    await live.cookie("results")
    await mine.goto("/cuenta")
    await mine.locator("form[action='/cuenta/sesiones/cerrar'] input[name=id]").first.evaluate(
        "(input, id) => { input.value = id }", found.id
    )
    await mine.get_by_role("button", name="Cerrar Firefox").first.click()
    assert await live.security.sessions.find(victim, "127.0.0.1")


@pytest.mark.requirement("HC-04")
async def test_a_changed_password_ends_all_other_sessions(window: Window, live: Live) -> None:
    mine, other = await window(await live.cookie("coordinator")), await live.cookie("coordinator")
    await mine.goto("/cuenta/clave")
    await mine.get_by_label("Contraseña actual").fill("no es esta, seguro")
    await mine.get_by_label("Contraseña nueva", exact=True).fill("tres palabras y otra más")
    await mine.get_by_label("Repita la contraseña nueva").fill("tres palabras y otra más")
    await mine.get_by_role("button", name="Guardar contraseña").click()
    await expect(mine.get_by_label("Contraseña actual")).to_have_attribute("aria-invalid", "true")
    await mine.get_by_label("Contraseña actual").fill(PASSWORD)
    await mine.get_by_label("Contraseña nueva", exact=True).fill("tres palabras y otra más")
    await mine.get_by_label("Repita la contraseña nueva").fill("tres palabras y otra más")
    await mine.get_by_role("button", name="Guardar contraseña").click()
    await expect(mine.get_by_role("status")).to_contain_text("Contraseña cambiada")
    assert await live.security.sessions.find(other, "127.0.0.1") is None


async def application(live: Live, back: str) -> Client:
    client = Client(
        id=f"app-{secrets.token_hex(4)}",
        name="Mi Salud",
        kind="public",
        redirects=(back,),
        grants=("authorization_code", "refresh_token"),
        scope=read(SCOPE),
        patient_facing=True,
    )
    return (await live.security.oauth.clients.register(client, Caller(kind="system")))[0]


def request(live: Live, client: Client, verifier: str) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": client.redirects[0],
        "scope": SCOPE,
        "state": "what I sent",
        "aud": f"{live.url}/fhir",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"/oauth/authorize?{urlencode(asked)}"


@pytest.fixture
async def back() -> AsyncIterator[str]:
    """Where the application waits for the answer: a place of its own."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        page = b"<!doctype html><title>app</title><link rel=icon href=data:,>"
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/html\r\n\r\n" + page)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/back"


@pytest.mark.requirement("HC-04")
async def test_a_patient_lets_an_application_see_a_part(window: Window, live: Live, back: str, axe: str) -> None:
    client, verifier = await application(live, back), secrets.token_urlsafe(48)
    page = await window(viewport=PHONE)
    # Not signed in: first that, then back to what was asked.
    await page.goto(request(live, client, verifier))
    await page.get_by_label("Correo o número de documento").fill("45678901")
    await page.get_by_label("Contraseña").fill(PASSWORD)
    await page.get_by_role("button", name="Ingresar", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Mi Salud pide acceso")
    await expect(page.get_by_text("Ver: resultados y mediciones")).to_be_visible()
    await expect(page.get_by_text("solo category = laboratory")).to_be_visible()
    await look(page, axe, "consent-360")
    await page.get_by_label("Ver: problemas y diagnósticos").uncheck()
    await page.get_by_role("button", name="Permitir", exact=True).click()
    await page.wait_for_url(f"{back}?**")
    answer = parse_qs(urlsplit(page.url).query)
    assert answer["state"] == ["what I sent"]
    async with httpx.AsyncClient() as http:
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"][0],
            "redirect_uri": back,
            "client_id": client.id,
            "code_verifier": verifier,
        }
        token = (await http.post(f"{live.url}/oauth/token", data=form)).json()
    assert token["patient"] == "rosa"
    assert "Observation.rs?category=laboratory" in token["scope"]
    assert "Condition" not in token["scope"]
    # The patient sees it, and takes it back.
    await page.goto(f"{live.url}/cuenta")
    await page.get_by_role("button", name="Retirar permiso Mi Salud").click()
    await expect(page.get_by_role("status")).to_contain_text("Permiso retirado")
    async with httpx.AsyncClient() as http:
        again = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"], "client_id": client.id}
        assert (await http.post(f"{live.url}/oauth/token", data=again)).status_code == 400


@pytest.mark.requirement("HC-04")
async def test_a_patient_says_no(window: Window, live: Live, back: str) -> None:
    client = await application(live, back)
    page = await window(await live.cookie("patient"))
    await page.goto(request(live, client, secrets.token_urlsafe(48)))
    await page.get_by_role("button", name="No permitir").click()
    await page.wait_for_url(f"{back}?**")
    assert parse_qs(urlsplit(page.url).query)["error"] == ["access_denied"]


@pytest.mark.requirement("HC-04")
async def test_staff_say_which_patient_it_is_about(window: Window, live: Live, back: str, axe: str) -> None:
    client, verifier = await application(live, back), secrets.token_urlsafe(48)
    page = await window(await live.cookie("physician"))
    await page.goto(request(live, client, verifier))
    patient = page.get_by_label("¿De qué paciente?")
    await page.get_by_label("Ver: problemas y diagnósticos").uncheck()
    said: set[str] = set()
    # Nothing that has that form, nobody, and somebody who is not theirs: one answer.
    kind = page.get_by_label("Tipo de documento")
    # And a foreigner's number without its kind.
    for text in ("not an id", "20202020", "17801147", "001234567"):
        await patient.fill(text)
        await page.get_by_role("button", name="Permitir", exact=True).click()
        await expect(patient).to_have_value(text)
        await expect(patient).to_have_attribute("aria-invalid", "true")
        said.add(await page.get_by_role("alert").inner_text())
    assert len(said) == 1
    await look(page, axe, "consent-patient-1280")
    # What was crossed out stays so when the page comes back.
    assert not await page.get_by_label("Ver: problemas y diagnósticos").is_checked()
    assert await page.get_by_label("Ver: resultados y mediciones").is_checked()
    await kind.select_option("Carné de extranjería")
    await patient.fill("001234567")
    await page.get_by_role("button", name="Permitir", exact=True).click()
    await page.wait_for_url(f"{back}?**")
    form = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(page.url).query)["code"][0],
        "redirect_uri": back,
        "client_id": client.id,
        "code_verifier": verifier,
    }
    async with httpx.AsyncClient() as http:
        assert (await http.post(f"{live.url}/oauth/token", data=form)).json()["patient"] == "liang"


@pytest.mark.requirement("HC-04")
async def test_a_physician_opens_an_application_about_a_patient(
    window: Window, live: Live, back: str, axe: str
) -> None:
    client = replace(await application(live, back), launch_url=back.replace("/back", "/launch"), name="Visor de tórax")
    await live.security.oauth.clients.replace(client, Caller(kind="system"))
    page = await window(await live.cookie("physician"), viewport=PHONE)
    await page.goto("/aplicaciones?patient=rosa")
    await look(page, axe, "launch-360")
    await page.get_by_label("¿De qué paciente?").fill("not an id")
    await page.get_by_label("¿Qué aplicación?").select_option("Visor de tórax")
    await page.get_by_role("button", name="Abrir", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Tipo de documento").select_option("Carné de extranjería")
    await page.get_by_label("¿De qué paciente?").fill("001234567")
    await page.get_by_role("button", name="Abrir", exact=True).click()
    await page.wait_for_url(f"{client.launch_url}?**")
    answer = parse_qs(urlsplit(page.url).query)
    assert answer["iss"] == [f"{live.url}/fhir"]
    assert len(answer["launch"][0]) > 20


async def test_an_unknown_application_is_told_nothing(window: Window, live: Live, back: str) -> None:
    client = await application(live, back)
    page = await window(await live.cookie("patient"))
    await page.goto(request(live, client, secrets.token_urlsafe(48)).replace("back&", "backdoor&"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Esta petición no vale")
    assert urlsplit(page.url).netloc == urlsplit(live.url).netloc


@pytest.mark.requirement("LW-16")
async def test_an_application_is_withdrawn_in_one_action(window: Window, live: Live, back: str, axe: str) -> None:
    client = await application(live, back)
    page = await window(await live.cookie("administrator"))
    await page.goto("/admin/clientes")
    await page.get_by_role("region").filter(has_text=client.id).get_by_role("link").click()
    # It is for ever: one look at what ends, before anything does.
    await expect(page.get_by_text("no se puede deshacer")).to_be_visible()
    assert (await live.security.oauth.clients.find(client.id)).active
    for view in (PHONE, DESK):
        await page.set_viewport_size(view)
        await look(page, axe, f"withdraw-{view['width']}")
    await page.get_by_role("link", name="Dejarla como está").click()
    await page.get_by_role("region").filter(has_text=client.id).get_by_role("link").click()
    await page.get_by_role("button", name="Retirar").click()
    await expect(page.get_by_role("status")).to_contain_text("Aplicación retirada")
    assert not (await live.security.oauth.clients.find(client.id)).active
