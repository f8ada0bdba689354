"""Passkeys in a real browser with a virtual authenticator: what must not work, and removing one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import CDPSession, Page, expect
from tests.portal.browser.living import PASSWORD, Live

from kuska.security.api import NewAccount

pytestmark = pytest.mark.requirement("HC-07")


async def device(page: Page, **changed: object) -> tuple[CDPSession, str]:
    """A phone with a fingerprint, in this window; (debugger, id)."""
    debugger = await page.context.new_cdp_session(page)
    await debugger.send("WebAuthn.enable")
    return debugger, await another(debugger, **changed)


async def another(debugger: CDPSession, **changed: object) -> str:
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = await debugger.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, **changed}})
    return made["authenticatorId"]


async def somebody(page: Page, live: Live, name: str) -> str:
    """An account without factors, just signed in with the password; id."""
    new = NewAccount(login=f"{name}@example.org", display_name="Lía Llave", roles=("patient",), patient=name)
    account = await live.security.accounts.create(new, PASSWORD)
    cookie = await live.security.sessions.start(
        account, methods=("pwd",), pending=False, address="127.0.0.1", agent="test"
    )
    await page.context.add_cookies([{"name": "kuska", "value": cookie, "url": live.url, "httpOnly": True}])
    return account.id


async def register(page: Page) -> None:
    await page.goto("/cuenta/llave")
    await page.get_by_label("Nombre de la llave").fill("mi teléfono")
    await page.get_by_role("button", name="Crear llave").click()


async def test_a_device_that_does_not_ask_for_the_pin_is_not_taken(page: Page, live: Live) -> None:
    account = await somebody(page, live, "sin-pin")
    await device(page, hasUserVerification=False, isUserVerified=False)
    await register(page)
    await expect(page.get_by_text("No se pudo usar la llave de acceso")).to_be_visible()
    assert (await live.security.factors.of(account)).count == 0


async def test_a_copy_of_a_passkey_is_noticed(page: Page, live: Live) -> None:
    """Somebody took the key out of the device; the one who uses it after the other is behind in counting."""
    account = await somebody(page, live, "copiada")
    debugger, first = await device(page)
    await register(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sus códigos de recuperación")
    assert (await live.security.factors.of(account)).count == 1
    held = await debugger.send("WebAuthn.getCredentials", {"authenticatorId": first})
    copy = {**held["credentials"][0], "signCount": 0}
    await page.context.clear_cookies()
    await page.goto("/login")
    await page.get_by_role("button", name="Ingresar con llave de acceso").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Hola, Lía Llave")

    await debugger.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": first})
    second = await another(debugger)
    await debugger.send("WebAuthn.addCredential", {"authenticatorId": second, "credential": copy})
    await page.context.clear_cookies()
    await page.goto("/login")
    await page.get_by_role("button", name="Ingresar con llave de acceso").click()
    await expect(page.get_by_role("alert")).to_contain_text("Esa llave de acceso no sirve")


async def test_it_is_taken_away_only_by_who_has_just_used_it(page: Page, live: Live) -> None:
    account = await somebody(page, live, "quitada")
    await device(page)
    await register(page)
    await page.get_by_role("link", name="Ya los guardé").click()
    live.clock.advance(timedelta(minutes=11))
    await page.goto("/cuenta")
    await page.get_by_role("button", name="Quitar").first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Confirme que es usted")
    assert (await live.security.factors.of(account)).count == 1
    await page.get_by_role("button", name="Confirmar con llave de acceso").click()
    await expect(page).to_have_url("/cuenta")
    await page.get_by_role("button", name="Quitar").first.click()
    await expect(page.get_by_role("status")).to_be_visible()
    assert (await live.security.factors.of(account)).count == 0
