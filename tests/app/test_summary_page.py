"""The pages that show who a patient is, as the whole program serves them: nothing but the browser is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from kuska.app.configuration import load
from kuska.app.keyring import keyring
from kuska.app.wiring import application
from kuska.countries.registry import pack
from kuska.fhir import api
from kuska.fhir.api import open_record
from kuska.infra.mail.smtp import Mail
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SystemClock
from kuska.portal.ui import csrf
from kuska.security.api import NewAccount, Security, open_security, visit_off
from kuska.security.settings import LimitSettings, SecuritySettings

pytestmark = [pytest.mark.requirement("HC-02"), pytest.mark.requirement("HC-09")]
DNI = pack("PE").documents[0].system
PAGE = {"accept": "text/html", "sec-fetch-site": "same-origin"}


class NoMails:
    configured = False

    async def send(self, mail: Mail) -> None:
        raise AssertionError(mail)


@dataclass
class Whole:
    http: httpx.AsyncClient
    security: Security

    async def comes(self, role: str, *, patient: str = "", practitioner: str = "") -> str:
        """Somebody new, signed in; their cookie."""
        new = NewAccount(
            login=f"{role}@example.org", display_name=role, roles=(role,), patient=patient, practitioner=practitioner
        )
        account = await self.security.accounts.create(new)
        cookie = await self.security.sessions.start(
            account, methods=("pwd", "otp"), pending=False, address="127.0.0.1", agent="test"
        )
        self.http.cookies.set("kuska", cookie)
        return cookie


@pytest.fixture
async def whole(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Whole]:
    given = {"KUSKA_DATA": str(tmp_path / "served"), "KUSKA_DATABASE_URL": fresh_dsn}
    whole = load(given)
    settings = SecuritySettings(argon2_memory=7_168, argon2_passes=1)
    db = await Database.open(fresh_dsn)
    try:
        async with (
            application(whole, 1) as frame,
            keyring(whole, db) as keys,
            open_security(
                db, settings, SystemClock(), "http://localhost:1", tmp_path / "beside",
                limits=LimitSettings(), sealer=keys.ring, mailer=NoMails(),
            ) as security,
            httpx.AsyncClient(transport=httpx.ASGITransport(frame), base_url="http://localhost:1") as http,
        ):  # fmt: skip
            rosa = {
                "resourceType": "Patient",
                "id": "rosa",
                "identifier": [{"system": DNI, "value": "45678901"}],
                "name": [{"text": "Rosa Quispe"}],
            }
            await api.upsert_many(await (await open_record(db, keys=keys)).for_visit(visit_off()), [rosa])
            yield Whole(http, security)
    finally:
        await db.close()


async def test_a_browser_gets_a_page(whole: Whole) -> None:
    await whole.comes("patient", patient="rosa")
    answer = await whole.http.get("/paciente/rosa", headers=PAGE)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<h1>Rosa Quispe</h1>" in answer.text
    assert (await whole.http.get("/paciente/rosa")).json()["identificacion"]["nombre"] == "Rosa Quispe"


async def test_whose_record_was_opened_is_said_by_name(whole: Whole) -> None:
    cookie = await whole.comes("physician", practitioner="elena")
    assert (await whole.http.get("/paciente/rosa", headers=PAGE)).status_code == 404
    form = {
        "token": csrf.token(cookie),
        "patient": "45678901",
        "reason": "Llega inconsciente a emergencia y no hay quien informe",
    }
    opened = await whole.http.post("/urgencia", data=form, headers=PAGE)
    assert opened.status_code == 200, opened.text
    assert "Rosa Quispe · DNI 45678901-" in opened.text
    assert "<h1>Rosa Quispe</h1>" in (await whole.http.get("/paciente/rosa", headers=PAGE)).text
