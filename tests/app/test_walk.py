"""The whole way, with nothing replaced but the mail server: account, token, door, policy, record, trail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from kuska.app.frame import FHIR
from kuska.app.patients import RecordPatients
from kuska.countries.registry import pack
from kuska.fhir import api
from kuska.fhir.api import open_record
from kuska.fhir.routes import FhirApp
from kuska.infra.mail.smtp import Mail
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SetClock
from kuska.security.api import Account, Caller, Consents, NewAccount, Security, Visit, open_security, visit_off
from kuska.security.domain.roles import content, shipped
from kuska.security.domain.scopes import read
from kuska.security.domain.sealing import passing_ring
from kuska.security.domain.sessions import caller_of
from kuska.security.domain.trail_question import Question
from kuska.security.settings import LimitSettings, SecuritySettings

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("LW-13"), pytest.mark.requirement("LW-31")]
SETTINGS = SecuritySettings(argon2_memory=7_168, argon2_passes=1, data_protection_mail="dpo@example.org")
HERE = "127.0.0.1"
DNI = pack("PE").documents[0].system


@dataclass
class Post:
    configured: bool = True
    mails: list[Mail] = field(default_factory=list)

    async def send(self, mail: Mail) -> None:
        self.mails.append(mail)


@dataclass(frozen=True)
class Walk:
    security: Security
    http: httpx.AsyncClient
    archive: Any
    post: Post
    clock: SetClock

    async def account(self, login: str, *roles: str, **more: str) -> Account:
        new = NewAccount(login=login, display_name=login, roles=roles, **more)
        return await self.security.accounts.create(new, "una frase bastante larga")

    def token(self, account: Account, scope: str, **changed: Any) -> dict[str, str]:
        caller = replace(caller_of(account, "", ("pwd", "otp")), client="app", **changed)
        token, _ = self.security.tokens.issue(caller, read(scope))
        return {"authorization": f"Bearer {token}"}

    async def page(self, account: Account) -> Visit:
        """As somebody who has just signed in with a second factor."""
        cookie = await self.security.sessions.start(
            account, methods=("pwd", "otp"), pending=False, address=HERE, agent="test"
        )
        return await self.security.door.enter_page({b"cookie": b"kuska=" + cookie.encode()}, address=HERE)

    async def put(self, *nodes: dict[str, Any]) -> None:
        await api.upsert_many(await self.archive.for_visit(visit_off()), nodes)

    async def lines(self, **asked: Any) -> list[Any]:
        await self.security.trail.settled()
        return list((await self.security.trail.search(Question(**asked))).events)


@pytest.fixture
async def walk(fresh_db: Database, tmp_path: Path) -> AsyncIterator[Walk]:
    clock, post = SetClock(datetime.now(UTC)), Post()
    patients = RecordPatients(clock)
    async with open_security(
        fresh_db, SETTINGS, clock, "http://localhost", tmp_path,
        limits=LimitSettings(failures_burst=1_000), sealer=passing_ring(), mailer=post,
        patients=patients, located=patients,
    ) as security:  # fmt: skip
        archive = await open_record(fresh_db, consents=Consents(security.epoch))
        patients.served_by(archive, security.trail)
        transport = httpx.ASGITransport(FhirApp(archive, security.door, FHIR), client=(HERE, 1))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://localhost{FHIR}") as http:
            walk = Walk(security, http, archive, post, clock)
            await walk.put(
                {"resourceType": "Patient", "id": "rosa", "identifier": [{"system": DNI, "value": "17801146"}]},
                {"resourceType": "Patient", "id": "jose"},
                _observation("rosa"),
                _observation("jose"),
            )
            yield walk


def _observation(patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"{patient}-1",
        "status": "final",
        "code": {"text": "a result"},
        "subject": {"reference": f"Patient/{patient}"},
    }


def _refusal(patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": f"{patient}-no",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "policyRule": {"text": "the hospital's"},
        "provision": {"type": "deny"},
    }


async def test_an_emergency_from_beginning_to_end(walk: Walk) -> None:
    physician = await walk.account("medica@example.org", "physician", practitioner="elena")
    token = walk.token(physician, "user/*.cruds")
    assert (await walk.http.get("/Patient/rosa", headers=token)).status_code == 404
    glass = await walk.security.glass.break_glass(
        await walk.page(physician), "17801146", "Llega inconsciente a emergencia, sin familiares."
    )
    assert (await walk.http.get("/Observation/rosa-1", headers=token)).status_code == 200
    assert (await walk.http.get("/Observation/jose-1", headers=token)).status_code == 404
    auditor = await walk.account("auditora@example.org", "auditor")
    (seen,) = await walk.security.glass.page(await walk.page(auditor))
    assert (seen.id, seen.patient) == (glass.id, "rosa")
    await walk.security.glass.end(await walk.page(auditor), glass.id)
    assert (await walk.http.get("/Observation/rosa-1", headers=token)).status_code == 404
    await walk.security.mailroom.send_due()
    assert [mail.to for mail in walk.post.mails] == ["dpo@example.org"]
    kinds = [(line.kind, line.interaction, line.outcome) for line in await walk.lines(patient="rosa")]
    assert ("break-glass", "open", "0") in kinds
    assert ("break-glass", "end", "0") in kinds
    assert ("rest", "read", "0") in kinds


@pytest.mark.requirement("QX-10")
async def test_a_patients_refusal_by_rest_shuts_the_door_at_once_but_not_to_the_patient(walk: Walk) -> None:
    steward = walk.token(await walk.account("custodia@example.org", "steward"), "user/Consent.cruds")
    results = walk.token(await walk.account("resultados@example.org", "results"), "user/*.rs")
    rosa = walk.token(await walk.account("rosa", "patient", patient="rosa"), "patient/*.rs")
    assert (await walk.http.get("/Observation/rosa-1", headers=results)).status_code == 200
    made = await walk.http.put("/Consent/rosa-no", headers=steward, json=_refusal("rosa"))
    assert made.status_code == 201, made.text
    assert (await walk.http.get("/Observation/rosa-1", headers=results)).status_code == 404
    found = (await walk.http.get("/Observation?_total=accurate", headers=results)).json()
    assert found["total"] == 1
    assert (await walk.http.get("/Observation/rosa-1", headers=rosa)).status_code == 200
    assert (await walk.http.get("/Observation/jose-1", headers=rosa)).status_code == 404
    lifted = {**_refusal("rosa"), "status": "inactive"}
    assert (await walk.http.put("/Consent/rosa-no", headers=steward, json=lifted)).status_code == 200
    assert (await walk.http.get("/Observation/rosa-1", headers=results)).status_code == 200


@pytest.mark.requirement("LW-29")
async def test_what_an_administrator_takes_away_is_gone_from_tokens_at_once(walk: Walk) -> None:
    worker = await walk.account("resultados@example.org", "results")
    administrator = await walk.account("admin@example.org", "administrator")
    token = walk.token(worker, "user/*.rs")
    assert (await walk.http.get("/Observation/rosa-1", headers=token)).status_code == 200
    page = await walk.page(administrator)
    await walk.security.accounts.assign_roles(page, worker.id, ("integrator",))
    # Refused by the policy, and a moment later by the list of withdrawn tokens already.
    assert (await walk.http.get("/Observation/rosa-1", headers=token)).status_code in (401, 403)
    worker = await walk.security.accounts.assign_roles(page, worker.id, ("results",))
    walk.clock.advance(timedelta(seconds=2))
    token = walk.token(worker, "user/*.rs")
    assert (await walk.http.get("/Observation/rosa-1", headers=token)).status_code == 200
    await walk.security.accounts.disable(page, worker.id)
    assert (await walk.http.get("/Observation/rosa-1", headers=token)).status_code == 401


async def test_an_edited_role_counts_for_tokens_that_are_out(walk: Walk) -> None:
    worker = await walk.account("resultados@example.org", "results")
    token = walk.token(worker, "user/*.rs")
    assert (await walk.http.get("/Observation/rosa-1", headers=token)).status_code == 200
    less = content(shipped()["results"])
    less["scopes"] = [scope for scope in less["scopes"] if "Observation." not in scope]
    administrator = await walk.page(await walk.account("admin@example.org", "administrator"))
    await walk.security.roles.edit(administrator, "results", 0, less)
    assert (await walk.http.get("/Observation/rosa-1", headers=token)).status_code == 403


@pytest.mark.requirement("LW-13")
async def test_every_knock_is_in_the_trail(walk: Walk) -> None:
    worker = await walk.account("resultados@example.org", "results")
    good = walk.token(worker, "user/*.rs")["authorization"]
    tampered = good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB")
    for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": tampered}):
        assert (await walk.http.get("/Patient/rosa", headers=headers)).status_code == 401
    refused = {**walk.token(worker, "user/*.rs"), "x-purpose-of-use": "HRESCH"}
    assert (await walk.http.get("/Patient/rosa", headers=refused)).status_code == 403
    late = walk.token(worker, "user/*.rs")
    walk.clock.advance(timedelta(minutes=SETTINGS.token_minutes))
    assert (await walk.http.get("/Patient/rosa", headers=late)).status_code == 401
    lines = await walk.lines(kind="door")
    assert len(lines) == 5
    assert all(line.outcome == "4" and line.caller.address == HERE for line in lines)
    assert len({line.reason for line in lines}) >= 4, "the trail knows what the caller is not told"


async def test_a_second_factor_is_asked_for_by_the_policy_too(walk: Walk) -> None:
    physician = await walk.account("medica@example.org", "physician", practitioner="elena")
    token = walk.token(physician, "user/*.rs", methods=("pwd",))
    assert (await walk.http.get("/Observation", headers=token)).status_code == 403


@pytest.mark.requirement("LW-16")
async def test_a_partner_gets_what_its_agreement_names_from_who_consented_and_nothing_else(walk: Walk) -> None:
    partner = Caller(
        kind="partner", account="lab", client="lab", roles=("partner",), organization="lab", tenant=SETTINGS.tenant,
        country=SETTINGS.country, purposes=("TREAT", "COC"),
    )  # fmt: skip
    text, _ = walk.security.tokens.issue(partner, read("system/Observation.rs"))
    token = {"authorization": f"Bearer {text}"}
    permit = {
        **_refusal("rosa"),
        "provision": {
            "type": "permit",
            "actor": [
                {"role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": "Organization/lab"}},
            ],
            "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}],
        },
    }
    assert (await walk.http.get("/Observation/rosa-1", headers=token)).status_code == 404
    await walk.put({"resourceType": "Organization", "id": "lab", "name": "Lab"}, permit)
    assert (await walk.http.get("/Observation/rosa-1", headers=token)).status_code == 200
    assert (await walk.http.get("/Observation/jose-1", headers=token)).status_code == 404
    assert (await walk.http.get("/Patient/rosa", headers=token)).status_code == 403
    for purpose, status in (("COC", 200), ("HRESCH", 403)):
        asked = {**token, "x-purpose-of-use": purpose}
        assert (await walk.http.get("/Observation/rosa-1", headers=asked)).status_code == status
    found = (await walk.http.get("/Observation", headers=token)).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["rosa-1"]
    await walk.put({**permit, "status": "inactive"})
    assert (await walk.http.get("/Observation/rosa-1", headers=token)).status_code == 404
