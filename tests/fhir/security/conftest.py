"""A record with three patients, and callers of every kind before its door.

The policy, the consents and the columns of the trail are the real ones; only the tokens are doubles: the bearer `anna` is
the caller of that name. What the trail was told is in `trail.events`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.conftest import _clone
from tests.fhir import given
from tests.fhir.conftest import client_of

from kuska.fhir import api
from kuska.fhir.api import Archive, open_record
from kuska.fhir.routes import FhirApp
from kuska.fhir.settings import FhirSettings
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database, Limits
from kuska.kit.clock import SetClock
from kuska.kit.json import decode, encode
from kuska.security.api import Caller, Event, NobodyError, Visit, visit_off
from kuska.security.contracts import Role
from kuska.security.domain.policy import Place
from kuska.security.domain.roles import content
from kuska.security.domain.scopes import parse
from kuska.security.domain.trail_block import blocks
from kuska.security.domain.trail_line import line
from kuska.security.settings import SecuritySettings
from kuska.security.store.epoch import Epoch
from kuska.security.store.trail_events import block_columns
from kuska.security.usecases.consents import Consents
from kuska.security.usecases.policy import Policy
from kuska.security.usecases.roles import Roles

Node = dict[str, Any]
_ACCOUNT = """
insert into security.account (id, kind, tenant, login, display_name, email, status, country, organization, patient,
    practitioner, roles, language, created, updated)
values ($1, 'person', 'demo', $1, $1, '', 'active', 'PE', '', $2, $3, array[$4], 'es', $5, $5)
"""
_ROLE = """
insert into security.role (name, version, content, by, at) values ('keeper', 1, $1::jsonb, 'nobody', $2)
"""
NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
SECRET = "http://example.org/labels"


class Told:
    """`contracts.Trail` in memory; its lines of writes go to the real table."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.kept: list[Event] = []

    def note(self, event: Event) -> None:
        self.events.append(event)

    async def keep(self, event: Event) -> None:
        self.events.append(event)
        self.kept.append(event)

    def columns(self, events: Sequence[Event]) -> tuple[Sequence[Any], ...]:
        self.events += events
        return block_columns(blocks([line(event) for event in events]))

    async def within(self, tx: Write, events: Sequence[Event]) -> None:
        del tx
        self.events += events

    def since(self, place: int) -> list[Event]:
        return self.events[place:]


def caller(role: str, scopes: str | None = None, **more: Any) -> Caller:
    kind = "partner" if role == "partner" else "service" if role == "backend" else "person"
    return Caller(
        kind=kind,
        account="" if kind != "person" else f"account-{role if role == 'keeper' else _named(more) or role}",
        client=f"client-{role}",
        roles=(role,),
        scopes=None if scopes is None else parse(scopes),
        tenant="demo",
        country="PE",
        methods=("pwd", "otp"),
        **more,
    )


def _named(more: Mapping[str, Any]) -> str:
    return str(more.get("practitioner") or more.get("patient") or "")


CALLERS: dict[str, Caller] = {
    # Patients.
    "anna": caller("patient", "patient/*.cruds", patient="anna"),
    "berta": caller("patient", "patient/*.cruds", patient="berta"),
    "anna-observations": caller("patient", "patient/Observation.rs", patient="anna"),
    "anna-laboratory": caller(
        "patient", "patient/Observation.rs?category=laboratory patient/Patient.r", patient="anna"
    ),
    # Tokens from before such restrictions were refused.
    "results-by-date": caller("results", "user/Observation.rs?date=ge2000 user/Patient.r"),
    "results-by-no-such": caller("results", "user/Observation.rs?no-such=x user/Patient.r"),
    # People who work here. drcano has Anna in care.
    "drcano": caller("physician", "user/*.cruds", practitioner="drcano"),
    "drdiaz": caller("physician", "user/*.cruds", practitioner="drdiaz"),
    "drcano-about-berta": caller("physician", "patient/*.cruds", practitioner="drcano", patient="berta"),
    "drcano-reads": caller("physician", "user/Observation.r", practitioner="drcano"),
    "admissions": caller("admissions", "user/*.cruds"),
    "results": caller("results", "user/*.cruds"),
    "steward": caller("steward", "user/*.cruds"),
    "auditor": caller("auditor", "user/*.cruds"),
    "partner": caller("partner", "system/*.cruds", organization="clinic"),
    # Of a role that a hospital made: who keeps order among the findings of patients in care. Each token has a part of it.
    "keeper-removes": caller("keeper", "user/Observation.rd", practitioner="drcano"),
    "keeper-removes-some": caller(
        "keeper", "user/Observation.r user/Observation.d?category=vital-signs", practitioner="drcano"
    ),
    "keeper-edits": caller("keeper", "user/Observation.u", practitioner="drcano"),
    "keeper-edits-and-reads-some": caller(
        "keeper", "user/Observation.u user/Observation.r?category=laboratory", practitioner="drcano"
    ),
    "stranger": replace(caller("physician", "user/*.cruds", practitioner="drcano"), tenant="elsewhere"),
}


async def accounts(tx: Write) -> None:
    """One for each person; several tokens of one person are of one account."""
    people = {one.account: one for one in reversed(CALLERS.values()) if one.kind == "person"}
    for account, one in people.items():
        patient = one.patient if "patient" in one.roles else ""
        await tx.execute(_ACCOUNT, account, patient, one.practitioner, one.roles[0], NOW)


async def roles(tx: Write) -> None:
    """One that the program does not bring: none of those deletes what is in care."""
    scopes = ("user/Observation.cruds", "user/Patient.rs")
    made = Role(name="keeper", version=1, reach="care", scopes=parse(" ".join(scopes)))
    await tx.execute(_ROLE, encode(content(made)).decode(), NOW)


class Doorkeeper:
    """The real door's steps, tokens apart."""

    def __init__(self, policy: Policy, trail: Told, clock: SetClock) -> None:
        self._policy, self._trail, self._clock = policy, trail, clock

    async def enter(
        self, headers: Mapping[bytes, bytes], *, address: str, request: str = "", purpose: str = ""
    ) -> Visit:
        kind, _, name = headers.get(b"authorization", b"").decode().partition(" ")
        if kind != "Bearer" or name not in CALLERS:
            raise NobodyError
        access = await self._policy.access(replace(CALLERS[name], address=address), purpose)
        return Visit(access, self._trail, self._clock, request)


@dataclass(frozen=True, slots=True)
class House:
    archive: Archive
    app: FhirApp
    trail: Told
    clock: SetClock
    epoch: Epoch
    policy: Policy
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict[str, httpx.AsyncClient])

    def __getitem__(self, name: str) -> httpx.AsyncClient:
        """HTTP as this caller."""
        if name not in self.clients:
            self.clients[name] = client_of(self.app)
            if name != "nobody":
                self.clients[name].headers["authorization"] = f"Bearer {name}"
        return self.clients[name]

    async def put(self, *nodes: Node) -> None:
        """As it is, whoever may."""
        record = await self.archive.for_visit(visit_off())
        await api.upsert_many(record, [decode(encode(node)) for node in nodes])
        self.archive.care.forget()


def about(patient: str, key: str, type_: str = "Observation", **members: Any) -> Node:
    base: dict[str, Node] = {
        "Observation": given.observation(f"Patient/{patient}", category=[_category("laboratory")]),
        "Encounter": {"status": "finished", "class": {"code": "AMB"}, "subject": {"reference": f"Patient/{patient}"}},
        "Condition": {"subject": {"reference": f"Patient/{patient}"}, "code": {"text": "tos"}},
    }
    return {**base[type_], "resourceType": type_, "id": key, **members}


def _category(code: str) -> Node:
    return {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": code}]}


def people() -> list[Node]:
    """Everything of a patient is named after them: observations anna-1, anna-2, …"""
    found: list[Node] = [
        {"resourceType": "Practitioner", "id": name, "name": [{"family": name}]} for name in ("drcano", "drdiaz")
    ]
    found.append({"resourceType": "Organization", "id": "clinic", "name": "Clinic"})
    for name in ("anna", "berta", "carla"):
        found.append(given.identified(name, id=name, name=[{"family": name.title(), "given": ["X"]}]))
        found += [about(name, f"{name}-{number}") for number in (1, 2)]
        found.append(about(name, f"{name}-3", category=[_category("vital-signs")]))
        found.append(about(name, f"{name}-tos", "Condition"))
        seen = {"individual": {"reference": "Practitioner/drcano" if name == "anna" else "Practitioner/drdiaz"}}
        found.append(
            about(
                name,
                f"{name}-visit",
                "Encounter",
                participant=[seen],
                period={"start": "2026-11-01T10:00:00Z", "end": "2026-11-01T11:00:00Z"},
            )
        )
        found.append(
            {
                "resourceType": "List",
                "id": f"{name}-list",
                "status": "current",
                "mode": "working",
                "subject": {"reference": f"Patient/{name}"},
                "entry": [{"item": {"reference": f"Observation/{name}-1"}}],
            }
        )
    return found


@pytest.fixture(scope="module")
async def house(server_dsn: str, template: str) -> AsyncIterator[House]:
    async with _clone(server_dsn, template) as dsn:
        db = await Database.open(dsn, Limits(read_connections=3, write_connections=3))
        try:
            made = await _furnished(db)
            yield made
            for client in made.clients.values():
                await client.aclose()
        finally:  # a loop does not end while somebody in it is connected
            await db.close()


async def _furnished(db: Database) -> House:
    clock, trail, epoch = SetClock(NOW), Told(), Epoch(db)
    archive = await open_record(db, FhirSettings(max_bundle_entries=100), consents=Consents(epoch))
    policy = Policy(db, Roles(db, SecuritySettings(), clock, epoch), Place("demo", "PE"), clock, epoch)
    made = House(archive, FhirApp(archive, Doorkeeper(policy, trail, clock)), trail, clock, epoch, policy)
    await db.transact(roles)
    await made.put(*people())
    await db.transact(accounts)
    return made


def ids(response: httpx.Response, mode: str | None = None) -> list[str]:
    assert response.status_code == 200, response.text
    entries = response.json().get("entry", [])
    return sorted(
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in entries
        if "resource" in entry and (mode is None or entry["search"]["mode"] == mode)
    )
