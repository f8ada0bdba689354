"""Sign-in at another identity provider, with a real browser, the real site and a real provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Page, expect
from tests.portal.browser.living import Live
from tests.portal.browser.test_attacks import evil
from tests.security.usecases.external.conftest import SECRET, RealProvider, idp, provider

from kuska.infra.http.outgoing import open_outgoing
from kuska.infra.http.settings import OutgoingSettings
from kuska.kit.clock import SystemClock
from kuska.security.usecases.external.external import returning
from kuska.security.usecases.external.relying import Relying

__all__ = ["idp"]  # a fixture
pytestmark = [pytest.mark.requirement("HC-08"), pytest.mark.requirement("AP-10")]


@pytest.fixture
async def hospital(idp: RealProvider, live: Live, tmp_path: Path) -> AsyncIterator[RealProvider]:
    """The live site knows this provider, and the provider the site."""
    name = f"site-{uuid4()}"
    redirect = f"{live.url}{returning('hospital')}"
    await idp.client(
        client_id=name,
        client_secret=SECRET,
        redirect_uris=[redirect],
        post_logout_redirect_uris=[f"{live.url}/login"],
        grant_types=["authorization_code"],
    )
    known = live.security.external._relying
    async with open_outgoing(OutgoingSettings(allowed_hosts=("127.0.0.1",))) as http:
        # The provider's clock is the real one; the site's is moved by other tests.
        known["hospital"] = Relying(provider(idp.issuer, tmp_path, client_id=name), http, SystemClock(), redirect)
        yield idp
        del known["hospital"]


async def signed_in_there(page: Page, login: str, amr: str = "") -> None:
    await page.locator("input[name=login]").fill(login)
    await page.locator("input[name=amr]").fill(amr)
    await page.get_by_role("button").click()


async def test_there_and_back_to_the_page_that_was_asked_for(page: Page, hospital: RealProvider) -> None:
    login = f"ana-{uuid4()}"
    await hospital.people(**{login: {"groups": ["admision"], "name": "Ana Quispe"}})
    await page.goto("/externo/hospital?next=/cuenta")
    assert page.url.startswith(hospital.issuer)
    await signed_in_there(page, login, "pwd mfa")
    await expect(page).to_have_url("/cuenta")
    await expect(page.get_by_text("Ana Quispe").first).to_be_visible()
    assert {cookie["name"] for cookie in await page.context.cookies() if cookie["domain"] == "localhost"} == {"kuska"}


async def test_another_sites_link_leads_to_our_sign_in_and_not_to_the_provider(
    window: Callable[..., Awaitable[Page]], live: Live, hospital: RealProvider
) -> None:
    """Whoever is signed in there would be signed in here unawares."""
    page, asked = await window(), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    await evil(page, f"<a href='{live.url}/externo/hospital?next=/cuenta'>gift</a>")
    await page.get_by_role("link", name="gift").click()
    await expect(page).to_have_url("/login?next=/cuenta")
    assert not [url for url in asked if url.startswith(hospital.issuer)]
    assert "kuska-external" not in {cookie["name"] for cookie in await page.context.cookies()}


@pytest.mark.parametrize(
    ("headers", "away"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"referer": "{url}/login"}, True),
        ({"referer": "https://evil.example/"}, False),
        ({}, False),
    ],
)
async def test_who_may_begin_it(live: Live, hospital: RealProvider, headers: dict[str, str], *, away: bool) -> None:
    given = {name: value.format(url=live.url) for name, value in headers.items()}
    async with httpx.AsyncClient(base_url=live.url) as http:
        answer = await http.get("/externo/hospital", headers=given)
    assert answer.headers["location"].startswith(hospital.issuer if away else "/login?next=")


async def test_a_physician_without_a_factor_there_sets_one_up_here(page: Page, hospital: RealProvider) -> None:
    login = f"ana-{uuid4()}"
    await hospital.people(**{login: {"groups": ["medicos"]}})
    await page.goto("/externo/hospital?next=/cuenta")
    await signed_in_there(page, login)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Agregar aplicación de códigos")
    await page.goto("/cuenta")
    await expect(page).to_have_url("/login?next=/cuenta")


async def test_a_refusal_there_leads_back_to_the_sign_in(page: Page, hospital: RealProvider) -> None:
    await page.goto("/externo/hospital")
    await signed_in_there(page, "")
    await expect(page.get_by_role("alert")).to_contain_text("La otra parte no completó su ingreso")


async def test_somebody_elses_way_back_is_not_taken(page: Page, live: Live, hospital: RealProvider) -> None:
    """Login CSRF: a link that would sign this browser in as the attacker."""
    login = f"eva-{uuid4()}"
    await hospital.people(**{login: {"groups": ["admision"]}})
    begun = await live.security.external.begin("hospital", "/")
    params = await hospital.visited(begun.url, login, home=live.url)
    await page.goto(f"{returning('hospital')}?state={params['state']}&code={params['code']}&iss={params['iss']}")
    await expect(page.get_by_role("alert")).to_contain_text("en otro navegador")
    assert "kuska" not in {cookie["name"] for cookie in await page.context.cookies()}
