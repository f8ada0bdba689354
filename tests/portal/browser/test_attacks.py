"""Other sites' pages, in the same browser as somebody who is signed in."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.async_api import Page, Route, expect
from tests.portal.browser.living import Live
from tests.portal.browser.test_places import application, request
from tests.security.usecases.factors.device import Device

from kuska.infra.postgres.connection import Write
from kuska.security.api import NeedsConsent, NewAccount, Redirect, Session, TrailQuestion
from kuska.security.store import external as store

Window = Callable[..., Awaitable[Page]]
EVIL = "http://evil.example/"
BACK = "https://app.example.org/back"
NOBODYS = "01900000-0000-7000-8000-000000000000"


async def evil(page: Page, html: str) -> None:
    async def fulfil(route: Route) -> None:
        await route.fulfill(body=f"<!doctype html><title>evil</title>{html}", content_type="text/html")

    await page.context.route(f"{EVIL}**", fulfil)
    await page.goto(EVIL)


@pytest.mark.requirement("HC-04")
async def test_no_page_can_be_framed(window: Window, live: Live) -> None:
    """Clickjacking: the frame stays empty."""
    page = await window(await live.cookie("patient"), complaints=False)
    for path in ("/login", "/cuenta", "/healthz"):
        await evil(page, f"<iframe src='{live.url}{path}'></iframe>")
        assert [frame.url for frame in page.frames[1:]] == ["chrome-error://chromewebdata/"]


@pytest.mark.requirement("HC-04")
@pytest.mark.parametrize("path", ["/logout", "/cuenta/sesiones/cerrar-otras", "/login", "/cuenta/recuperacion"])
async def test_a_form_of_another_site_does_nothing(window: Window, live: Live, path: str) -> None:
    cookie = await live.cookie("patient")
    page = await window(cookie, complaints=False)
    await evil(
        page, f"<form method=post action='{live.url}{path}'><input name=token value=guess><button>x</button></form>"
    )
    async with page.expect_response(f"{live.url}{path}") as answer:
        await page.get_by_role("button").click()
    assert (await answer.value).status == 403
    await live.security.trail.settled()
    noted = await live.security.trail.search(TrailQuestion(kind="door", account=live.accounts["patient"].id), limit=1)
    assert noted.events[0].reason == "ui.foreign-form"
    assert await live.security.sessions.find(cookie, "127.0.0.1")


@pytest.mark.requirement("HC-04")
async def test_another_sessions_token_does_nothing(window: Window, live: Live) -> None:
    mine, theirs = await window(await live.cookie("patient")), await window(await live.cookie("results"))
    await mine.goto("/cuenta")
    await theirs.goto("/cuenta")
    stolen = await theirs.locator("input[name=token]").first.input_value()
    await mine.locator("form[action='/logout'] input[name=token]").evaluate(
        "(input, it) => { input.value = it }", stolen
    )
    await mine.get_by_role("button", name="Salir").click()
    await expect(mine.get_by_role("alert")).to_contain_text("Este formulario ya no vale")
    await mine.goto("/cuenta")
    await expect(mine).to_have_url("/cuenta")


@pytest.mark.requirement("HC-04")
async def test_what_is_typed_never_becomes_markup_and_no_script_gets_in(window: Window, live: Live) -> None:
    page = await window(await live.cookie("administrator"))
    dangerous = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    await page.goto("/admin/cuentas")
    await page.get_by_label("Buscar por nombre").fill(dangerous)
    await page.get_by_role("button", name="Buscar").click()
    await expect(page.get_by_label("Buscar por nombre")).to_have_value(dangerous)
    assert not await page.locator("img, script:not([src])").count()


async def test_scripts_that_are_put_in_do_not_run(window: Window, live: Live) -> None:
    page = await window(complaints=False)
    await page.goto("/login")
    session = await page.context.new_cdp_session(page)
    expression = (
        "(() => { const s = document.createElement('script'); try { s.text = 'window.ran = 1' } catch (e) {} "
        "document.head.append(s); return window.ran || 0 })()"
    )
    answer = await session.send("Runtime.evaluate", {"expression": expression})
    assert answer["result"]["value"] == 0


async def test_a_signed_in_person_is_not_sent_elsewhere(window: Window, live: Live) -> None:
    page = await window(await live.cookie("patient"))
    for path in ("/login?next=//evil.example", "/login?next=https://evil.example", "/idioma/en?next=//evil.example"):
        await page.goto(path)
        await expect(page).to_have_url("/")


@pytest.mark.requirement("HC-04")
async def test_fields_that_no_form_of_ours_has_do_nothing(window: Window, live: Live) -> None:
    """Mass assignment."""
    page = await window(await live.cookie("administrator"))
    await page.goto("/admin/cuentas/invitar")
    await page.get_by_label("Correo").fill("masa@example.org")
    await page.get_by_label("Nombre completo").fill("Mara Asa")
    extra = {
        "patient": "rosa",
        "status": "active",
        "kind": "partner",
        "tenant": "other",
        "password": "una frase larga",
        "id": "me",
    }
    await page.locator("main form").evaluate(
        "(form, extra) => { for (const [name, value] of Object.entries(extra)) { "
        "const field = document.createElement('input'); field.name = name; field.value = value; form.append(field) } }",
        extra,
    )
    await page.get_by_role("button", name="Enviar invitación").click()
    await expect(page.get_by_role("status")).to_be_visible()
    made = await live.security.accounts.by_login("masa@example.org")
    assert made
    assert (made.patient, made.status, made.kind, made.tenant) == ("", "invited", "person", "demo")
    assert made.id != "me"


@dataclass(frozen=True)
class Belongings:
    """What another patient has, by the ids that it really has."""

    live: Live
    cookie: str
    session: Session

    async def grants(self) -> list[str]:
        return [each.id for each in await self.live.security.oauth.granted(self.session.account.id)]

    async def passkeys(self) -> list[str]:
        return [each.id for each in (await self.live.security.factors.of(self.session.account.id)).passkeys]

    async def sessions(self) -> list[str]:
        return [each.id for each in await self.live.security.sessions.of_account(self.session.account.id)]

    async def providers(self) -> list[str]:
        return [each.subject for each in await self.live.security.external.of_account(self.session.account.id)]

    async def all(self) -> list[list[str]]:
        return [await self.grants(), await self.passkeys(), await self.sessions(), await self.providers()]


async def _somebody_with_everything(live: Live) -> Belongings:
    security, one = live.security, secrets.token_hex(4)
    new = NewAccount(login=f"{one}@example.org", display_name="Elsa Ríos", roles=("patient",), patient=f"elsa-{one}")
    account = await security.accounts.create(new)
    cookie = await security.sessions.start(
        account, methods=("pwd", "otp"), pending=False, address="127.0.0.1", agent="Firefox/140.0"
    )
    session = await security.sessions.find(cookie, "127.0.0.1")
    assert session
    phone = Device(live.url)
    options = await security.factors.begin_passkey_registration(session)
    await security.factors.finish_passkey_registration(session, "Teléfono", phone.register(options))
    made = await application(live, BACK)
    asked = urlsplit(request(live, made, "v" * 43))
    shown = await security.oauth.authorize(parse_qsl(asked.query), session, "127.0.0.1")
    assert isinstance(shown, NeedsConsent)
    assert isinstance(await security.oauth.decide(shown.handle, session, shown.texts), Redirect)

    async def link(tx: Write) -> None:
        now = live.clock.now()
        await store.add_identity(tx, "https://idp.example", f"elsa-{one}", account.id, follows=False, now=now)

    await security.oauth.parts.db.transact(link)
    found = Belongings(live, cookie, session)
    assert all(await found.all()), "or nothing is tried"
    return found


@pytest.mark.requirement("HC-04")
async def test_what_belongs_to_somebody_else_stays(window: Window, live: Live) -> None:
    """With ids that exist: a patient who knows them takes nothing from whose they are, and hears what they hear of none."""
    theirs = await _somebody_with_everything(live)
    before = await theirs.all()
    page = await window(await live.cookie("patient"))
    for path, real, guessed in (
        ("/cuenta/aplicaciones/retirar", {"id": (await theirs.grants())[0]}, {"id": NOBODYS}),
        ("/cuenta/llave/quitar", {"id": (await theirs.passkeys())[0]}, {"id": NOBODYS}),
        ("/cuenta/sesiones/cerrar", {"id": theirs.session.id}, {"id": NOBODYS}),
        (
            "/cuenta/externo",
            {"issuer": "https://idp.example", "subject": (await theirs.providers())[-1]},
            {"issuer": "https://idp.example", "subject": "other"},
        ),
    ):
        said: list[tuple[str, str]] = []
        for fields in (real, guessed):
            await page.goto("/cuenta")
            await page.locator("form[action='/logout']").evaluate(
                "(form, [path, fields]) => { form.action = path; for (const [name, value] of Object.entries(fields)) { "
                "const field = document.createElement('input'); field.name = name; field.value = value; "
                "form.append(field) } }",
                [path, fields],
            )
            await page.get_by_role("button", name="Salir").click()
            await page.wait_for_load_state()
            assert "500" not in await page.title()
            await expect(page.get_by_role("link", name="Rosa Quispe Mamani")).to_be_visible()
            said.append((page.url, await page.title()))
        assert said[0] == said[1], path
        assert await theirs.all() == before, path
    assert await live.security.sessions.find(theirs.cookie, "127.0.0.1")
