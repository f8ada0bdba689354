"""What administrators do asks for the second factor again, and leads back to where they were."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pyotp
import pytest
from playwright.async_api import Page, expect
from tests.portal.browser.living import Live

from kuska.security.api import Account, Caller, Client, NewAccount, TrailQuestion, read_scopes

Window = Callable[..., Awaitable[Page]]
pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("HC-07")]


@dataclass
class Boss:
    live: Live
    page: Page
    account: Account
    app: pyotp.TOTP

    async def waits(self, minutes: int = 11) -> None:
        self.live.clock.advance(timedelta(minutes=minutes))

    async def shows(self) -> None:
        await self.page.get_by_label("Código de su aplicación").fill(self.app.at(self.live.clock.now()))
        await self.page.get_by_role("button", name="Confirmar", exact=True).click()


@pytest.fixture
async def boss(window: Window, live: Live) -> Boss:
    """An administrator with a real factor, who has just shown it."""
    security, login = live.security, f"{secrets.token_hex(4)}@example.org"
    account = await security.accounts.create(
        NewAccount(login=login, display_name="Rita Rol", email=login, roles=("administrator",))
    )
    cookie = await security.sessions.start(
        account, methods=("pwd", "otp"), pending=False, address="127.0.0.1", agent="Firefox"
    )
    session = await security.sessions.find(cookie, "127.0.0.1")
    assert session
    app = pyotp.TOTP((await security.factors.enrol_totp(session)).secret)
    await security.factors.confirm_totp(session, app.at(live.clock.now()))
    return Boss(live, await window(cookie), account, app)


@pytest.fixture
async def other(live: Live) -> Account:
    login = f"{secrets.token_hex(4)}@example.org"
    return await live.security.accounts.create(
        NewAccount(login=login, display_name="Olga Otra", email=login, roles=("results",))
    )


@pytest.mark.parametrize("button", ["Guardar roles", "Deshabilitar", "Cerrar sus sesiones", "Quitar segundos factores"])
async def test_an_accounts_buttons_ask_and_lead_back(boss: Boss, other: Account, button: str) -> None:
    page, where = boss.page, f"/admin/cuentas/{other.id}"
    await page.goto(where)
    await boss.waits()
    await page.get_by_role("button", name=button).first.click()
    await expect(page).to_have_url(f"/verificar?next={where}")
    assert await boss.live.security.accounts.by_id(other.id) == other
    await boss.live.security.trail.settled()
    noted = await boss.live.security.trail.search(TrailQuestion(account=boss.account.id), limit=5)
    assert {"security.step-up"} & {event.reason for event in noted.events}
    await boss.shows()
    await expect(page).to_have_url(where)
    await page.get_by_role("button", name=button).first.click()
    await expect(page.get_by_role("status")).to_be_visible()


@pytest.mark.parametrize(
    "form", ["/admin/cuentas/invitar", "/admin/cuentas/{id}/datos", "/admin/roles/integrator/cambiar"]
)
async def test_a_form_asks_before_it_is_filled_in(boss: Boss, other: Account, form: str) -> None:
    where = form.format(id=other.id)
    await boss.waits(6)
    await boss.page.goto(where)
    await expect(boss.page).to_have_url(f"/verificar?next={where}")
    await boss.shows()
    await expect(boss.page).to_have_url(where)


async def test_what_was_typed_for_a_while_is_taken(boss: Boss) -> None:
    page = boss.page
    await boss.waits(4)
    await page.goto("/admin/cuentas/invitar")
    address = f"{secrets.token_hex(4)}@example.org"
    await page.get_by_label("Correo").fill(address)
    await page.get_by_label("Nombre completo").fill("Nora Nueva")
    await boss.waits(5)
    await page.get_by_role("button", name="Enviar invitación").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Nora Nueva")


async def test_an_application_is_withdrawn_after_the_factor(boss: Boss) -> None:
    clients, name = boss.live.security.oauth.clients, f"App {secrets.token_hex(4)}"
    client, _ = await clients.register(
        Client(
            id=f"app-{secrets.token_hex(4)}",
            name=name,
            kind="public",
            redirects=("https://app.example.org/back",),
            grants=("authorization_code",),
            scope=read_scopes("openid"),
        ),
        Caller(kind="system"),
    )
    page = boss.page
    await page.goto("/admin/clientes")
    await boss.waits()
    await page.get_by_role("link", name=f"Retirar {name}").click()
    await expect(page).to_have_url(f"/verificar?next=/admin/clientes/retirar/{client.id}")
    await boss.shows()
    await boss.waits()
    await page.get_by_role("button", name=f"Retirar {name}").click()
    await expect(page).to_have_url(f"/verificar?next=/admin/clientes/retirar/{client.id}")
    assert (await clients.find(client.id)).active
    await boss.shows()
    await page.get_by_role("button", name=f"Retirar {name}").click()
    await expect(page.get_by_role("status")).to_contain_text("Aplicación retirada")
    assert not (await clients.find(client.id)).active
