"""Coming in and going out, in a real browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pyotp
import pytest
from playwright.async_api import Page, expect
from tests.portal.browser.conftest import PHONE
from tests.portal.browser.living import PASSWORD, PEOPLE, Live
from tests.portal.browser.looking import look

from kuska.security.api import NewAccount

Window = Callable[..., Awaitable[Page]]
NEW = "otra frase todavía más larga"


async def sign_in(page: Page, login: str, password: str = PASSWORD) -> None:
    await page.goto("/login")
    await page.get_by_label("Correo o número de documento").fill(login)
    await page.get_by_label("Contraseña").fill(password)
    await page.get_by_role("button", name="Ingresar", exact=True).click()


async def choose_password(page: Page, path: str, password: str) -> None:
    await page.goto(path)
    await page.get_by_label("Contraseña nueva", exact=True).fill(password)
    await page.get_by_label("Repita la contraseña nueva").fill(password)
    await page.get_by_role("button", name="Guardar contraseña").click()


@pytest.mark.requirement("HC-04")
async def test_signs_in_and_out(page: Page) -> None:
    await sign_in(page, PEOPLE["patient"][0])
    await expect(page.get_by_role("heading", level=1)).to_have_text("Hola, Rosa Quispe Mamani")
    await page.get_by_role("button", name="Salir").click()
    await expect(page.get_by_role("status")).to_contain_text("Salió de Kuska")
    # Nothing is left behind the "back" button.
    await page.go_back()
    await expect(page.get_by_text("Rosa Quispe Mamani")).to_have_count(0)
    await page.goto("/cuenta")
    await expect(page).to_have_url("/login?next=/cuenta")
    assert {cookie["name"] for cookie in await page.context.cookies()} <= {"kuska-entry"}
    # Back after signing in to what was asked for.
    await page.get_by_label("Correo o número de documento").fill(PEOPLE["patient"][0])
    await page.get_by_label("Contraseña").fill(PASSWORD)
    await page.get_by_role("button", name="Ingresar", exact=True).click()
    await expect(page).to_have_url("/cuenta")
    cookie = next(each for each in await page.context.cookies() if each["name"] == "kuska")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"


@pytest.mark.requirement("HC-04")
async def test_a_wrong_password_and_an_unknown_person_look_the_same(page: Page) -> None:
    said: list[str] = []
    for login in (PEOPLE["patient"][0], "nadie@example.org"):
        await sign_in(page, login, "otra cosa muy distinta")
        alert = page.get_by_role("alert")
        said.append(await alert.inner_text())
        await expect(alert).to_be_focused()
        assert await page.get_by_label("Correo o número de documento").input_value() == login
        assert not await page.get_by_label("Contraseña").input_value()
    assert said[0] == said[1]


@pytest.mark.requirement("HC-04")
async def test_a_patient_asks_for_an_account_and_nobody_learns_who_exists(page: Page, axe: str) -> None:
    said: list[str] = []
    for document in ("12345678", "87654321"):
        await page.goto("/registro")
        await page.get_by_label("Número de documento").fill(document)
        await page.get_by_label("Fecha de nacimiento").fill("1980-05-17")
        await page.get_by_label("Correo electrónico").fill(f"{document}@example.org")
        await page.get_by_role("button", name="Enviar enlace").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Revise su correo")
        said.append(await page.locator("main").inner_text())
    assert said[0] == said[1]
    await page.goto("/registro")
    await page.get_by_label("Número de documento").fill("no es un documento")
    await page.get_by_label("Fecha de nacimiento").fill("1980-05-17")
    await page.get_by_label("Correo electrónico").fill("a@example.org")
    await page.get_by_role("button", name="Enviar enlace").click()
    await expect(page.get_by_label("Número de documento")).to_have_attribute("aria-invalid", "true")
    await look(page, axe, "registration-refused-1280")
    await expect(page.get_by_label("Fecha de nacimiento")).to_have_value("1980-05-17")


@pytest.mark.requirement("HC-04")
async def test_an_invitation_becomes_an_account(window: Window, live: Live) -> None:
    admin = await window(await live.cookie("administrator"))
    await admin.goto("/admin/cuentas")
    await admin.get_by_role("link", name="Invitar a una persona").click()
    await admin.get_by_label("Correo").fill("nuevo@example.org")
    await admin.get_by_label("Nombre completo").fill("Tomás Ríos")
    await admin.get_by_label("Integración").check()
    await admin.get_by_role("button", name="Enviar invitación").click()
    await expect(admin.get_by_role("status")).to_contain_text("Invitación enviada")
    path = await live.mail_to("nuevo@example.org")
    person = await window()
    # Too weak, and then not twice the same: said beside the field; the link is still good.
    await choose_password(person, path, "123456789012")
    await expect(person.get_by_label("Contraseña nueva", exact=True)).to_have_attribute("aria-invalid", "true")
    await choose_password(person, path, NEW)
    await expect(person.get_by_role("status")).to_contain_text("Ya puede ingresar")
    await person.goto(path)
    await expect(person.get_by_role("alert")).to_be_visible()
    # The role asks for a second factor: it is set up before anything else opens.
    await sign_in(person, "nuevo@example.org", NEW)
    await expect(person.get_by_role("heading", level=1)).to_have_text("Agregar aplicación de códigos")
    await person.goto("/cuenta")
    await expect(person).to_have_url("/login?next=/cuenta")


@pytest.mark.requirement("HC-04")
async def test_a_forgotten_password_is_replaced_by_mail(page: Page, live: Live) -> None:
    await live.security.accounts.create(
        NewAccount(
            login="olvida@example.org", display_name="Olga Vida", email="olvida@example.org", roles=("patient",)
        ),
        PASSWORD,
    )
    said: list[str] = []
    for login in ("olvida@example.org", "nadie@example.org"):
        await page.goto("/clave")
        await page.get_by_label("Correo o número de documento").fill(login)
        await page.get_by_role("button", name="Enviar enlace").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Revise su correo")
        said.append(await page.locator("main").inner_text())
    assert said[0] == said[1]
    await choose_password(page, await live.mail_to("olvida@example.org"), NEW)
    await sign_in(page, "olvida@example.org", PASSWORD)
    await expect(page.get_by_role("alert")).to_be_visible()
    await sign_in(page, "olvida@example.org", NEW)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Hola, Olga Vida")


@pytest.mark.requirement("HC-07")
async def test_a_second_factor_from_its_first_code_to_a_recovery(window: Window, live: Live, axe: str) -> None:
    page = await window(viewport=PHONE)
    login = "factor@example.org"
    await live.security.accounts.create(
        NewAccount(login=login, display_name="Félix Actor", email=login, roles=("auditor",)), PASSWORD
    )
    await sign_in(page, login)
    secret = (await page.locator("strong.code").inner_text()).replace(" ", "")
    await page.get_by_label("Código que muestra la aplicación").fill("000000")
    await page.get_by_role("button", name="Confirmar").click()
    await expect(page.get_by_label("Código que muestra la aplicación")).to_have_attribute("aria-invalid", "true")
    # A digit was mistyped; the app need not be set up again.
    assert (await page.locator("strong.code").inner_text()).replace(" ", "") == secret
    await page.get_by_label("Código que muestra la aplicación").fill(_code(secret, live))
    await page.get_by_role("button", name="Confirmar").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sus códigos de recuperación")
    codes = await page.locator("#codes li").all_inner_texts()
    assert len(set(codes)) == 10
    await look(page, axe, "recovery-codes-360")
    await page.get_by_role("link", name="Ya los guardé").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Hola, Félix Actor")

    await page.get_by_role("button", name="Salir").click()
    await sign_in(page, login)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Confirme que es usted")
    await look(page, axe, "verify-360")
    # Half a session opens nothing.
    await page.goto("/auditoria")
    await expect(page).to_have_url("/login?next=/auditoria")
    await page.goto("/verificar?next=/auditoria")
    live.clock.advance(timedelta(seconds=60))
    await page.get_by_label("Código de su aplicación").fill(_code(secret, live))
    await page.get_by_role("button", name="Confirmar").first.click()
    await expect(page).to_have_url("/auditoria")

    await page.get_by_role("button", name="Salir").click()
    await sign_in(page, login)
    await page.get_by_text("No tengo mi teléfono ni mi llave").click()
    await page.get_by_label("Código de recuperación").fill(codes[0])
    await page.get_by_role("button", name="Confirmar").last.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Hola, Félix Actor")


@pytest.mark.requirement("HC-07")
async def test_a_passkey_is_added_and_signs_in_alone(page: Page, live: Live) -> None:
    login = "llave@example.org"
    await live.security.accounts.create(
        NewAccount(login=login, display_name="Lía Llave", email=login, roles=("physician",)), PASSWORD
    )
    debugger = await page.context.new_cdp_session(page)
    await debugger.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await debugger.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    await sign_in(page, login)
    await page.get_by_role("link", name="Agregar llave de acceso").click()
    await page.get_by_label("Nombre de la llave").fill("mi teléfono")
    await page.get_by_role("button", name="Crear llave").click()
    await page.get_by_role("link", name="Ya los guardé").click()
    await page.goto("/cuenta")
    await expect(page.get_by_role("strong").filter(has_text="mi teléfono")).to_be_visible()
    await page.get_by_role("button", name="Salir").click()
    await page.get_by_role("button", name="Ingresar con llave de acceso").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Hola, Lía Llave")
    # As the second step after the password, too.
    await page.get_by_role("button", name="Salir").click()
    await sign_in(page, login)
    await page.get_by_role("button", name="Confirmar con llave de acceso").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Hola, Lía Llave")


def _code(secret: str, live: Live) -> str:
    return pyotp.TOTP(secret).at(live.clock.now())
