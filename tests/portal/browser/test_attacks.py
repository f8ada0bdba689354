"""Other sites' pages, in the same browser as somebody who is signed in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, Route, expect
from tests.portal.browser.living import Live

from kuska.security.api import TrailQuestion

Window = Callable[..., Awaitable[Page]]
EVIL = "http://evil.example/"


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


@pytest.mark.requirement("HC-04")
async def test_what_belongs_to_somebody_else_is_not_there(window: Window, live: Live) -> None:
    page = await window(await live.cookie("patient"))
    for path, fields in (
        ("/cuenta/aplicaciones/retirar", {"id": "01900000-0000-7000-8000-000000000000"}),
        ("/cuenta/llave/quitar", {"id": "01900000-0000-7000-8000-000000000000"}),
        ("/cuenta/externo", {"issuer": "https://idp.example", "subject": "other"}),
    ):
        await page.goto("/cuenta")
        await page.locator("form[action='/logout']").evaluate(
            "(form, [path, fields]) => { form.action = path; for (const [name, value] of Object.entries(fields)) { "
            "const field = document.createElement('input'); field.name = name; field.value = value; form.append(field) } }",
            [path, fields],
        )
        await page.get_by_role("button", name="Salir").click()
        await page.wait_for_load_state()
        assert "500" not in await page.title()
        await expect(page.get_by_role("link", name="Rosa Quispe Mamani")).to_be_visible()
        assert await page.locator("main").inner_text()
