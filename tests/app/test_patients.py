"""The record's patients as registration asks for them: exactly one, or nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import pytest

from kuska.app.patients import RecordPatients
from kuska.countries.registry import pack
from kuska.fhir import api
from kuska.fhir.api import open_record
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SetClock
from kuska.security.api import Event, Unnoted, visit_off

pytestmark = pytest.mark.requirement("HC-04")

DNI = pack("PE").documents[0]
BORN = date(1980, 5, 17)
CLOCK = SetClock(datetime(2026, 11, 21, tzinfo=UTC))


class Lines(Unnoted):
    quiet = False

    def __init__(self) -> None:
        self.events: list[Event] = []

    def note(self, event: Event) -> None:
        self.events.append(event)

    async def keep(self, event: Event) -> None:
        self.events.append(event)


_NUMBERS = count(17_802_000)


@dataclass
class World:
    record: Any
    patients: RecordPatients
    trail: Lines

    async def has(self, value: str, **more: object) -> str:
        node = {
            "resourceType": "Patient",
            "identifier": [{"system": DNI.system, "value": value}],
            "name": [{"given": ["Ana"], "family": "Quispe"}],
            "birthDate": BORN.isoformat(),
            **more,
        }
        return (await api.create(await self.record.for_visit(visit_off()), node)).id


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    record, trail = await open_record(db), Lines()
    patients = RecordPatients(CLOCK)
    patients.served_by(record, trail)
    return World(record, patients, trail)


async def test_found(world: World) -> None:
    contacts = [
        {"system": "email", "value": "Ana@Example.org"},
        {"system": "email", "value": "old@example.org", "use": "old"},
        {"system": "phone", "value": "+51 987 654 321"},
    ]
    id_ = await world.has("17801146", telecom=contacts)
    found = await world.patients.find(DNI.systems, "17801146", BORN)
    assert found is not None
    assert (found.id, found.name, found.emails) == (id_, "Ana Quispe", ("Ana@Example.org",))


async def test_the_other_systems_of_the_document_count_too(world: World) -> None:
    id_ = await world.has("17801147", identifier=[{"system": DNI.also_known_as[0], "value": "17801147"}])
    found = await world.patients.find(DNI.systems, "17801147", BORN)
    assert found is not None
    assert found.id == id_


@pytest.mark.parametrize(
    "more",
    [{"birthDate": "1980-05"}, {"birthDate": "1980"}, {"birthDate": "1980-05-18"}, {"active": False},
     {"deceasedBoolean": True}, {"deceasedDateTime": "2020-01-01"},
     {"identifier": [{"system": "urn:other", "value": "17802006"}]}],
)  # fmt: skip
async def test_not_found(world: World, more: dict[str, object]) -> None:
    value = f"{next(_NUMBERS)}"
    await world.has(value, **more)
    assert await world.patients.find(DNI.systems, value, BORN) is None


async def test_two_are_nobody(world: World) -> None:
    await world.has("17801149")
    await world.has("17801149", gender="female")
    assert await world.patients.find(DNI.systems, "17801149", BORN) is None


@pytest.mark.parametrize("value", ["1|2", "a,b", "a\\", "a$b", ""])
async def test_a_value_is_no_query(world: World, value: str) -> None:
    """Letters that mean something in a search find nobody, and break nothing."""
    number = next(_NUMBERS)
    await world.has(f"{number}")
    assert await world.patients.find(DNI.systems, f"{number}{value}x", BORN) is None


async def test_before_the_record_is_there() -> None:
    assert await RecordPatients(CLOCK).find(DNI.systems, "17801146", BORN) is None


async def test_the_look_is_in_the_trail(world: World) -> None:
    id_ = await world.has("17801151")
    await world.patients.find(DNI.systems, "17801151", BORN)
    assert [event.patients for event in world.trail.events] == [(id_,)]
    assert world.trail.events[0].caller.account == "system:registration"


async def test_located_by_document_or_id(world: World) -> None:
    """In an emergency the document is at hand, not the id."""
    id_ = await world.has("17801153")
    assert await world.patients.locate(f" {id_} ") == id_
    assert await world.patients.locate("17801153") == id_
    events = [(event.caller.account, event.outcome, event.patients) for event in world.trail.events]
    assert {event[0] for event in events} == {"system:emergency"}


@pytest.mark.parametrize("text", ["nobody", "99999999", "a/b", "' or 1=1", "", "x" * 100])
async def test_not_located(world: World, text: str) -> None:
    assert await world.patients.locate(text) is None
    assert await RecordPatients(CLOCK).locate(text) is None


async def test_two_with_one_document_are_not_located(world: World) -> None:
    await world.has("17801155")
    await world.has("17801155", gender="female")
    assert await world.patients.locate("17801155") is None


async def test_practitioners_by_id(world: World) -> None:
    node = {"resourceType": "Practitioner", "name": [{"family": "Vargas"}]}
    made = await api.create(await world.record.for_visit(visit_off()), node)
    assert await world.patients.practises(made.id)
    for other in ("nobody", "a/b", "", "x" * 100):
        assert not await world.patients.practises(other)
    assert not await RecordPatients(CLOCK).practises(made.id)
    assert {event.caller.account for event in world.trail.events} == {"system:staff"}


async def test_a_foreigner_is_found_by_the_kind_of_document(world: World) -> None:
    """The same number can be a citizen's: only the kind tells them apart."""
    ce = pack("PE").documents[1]
    number = str(next(_NUMBERS))
    citizen = await world.has(number)
    foreigner = await world.has(number, identifier=[{"system": ce.system, "value": number}])
    assert await world.patients.locate(number) == citizen
    assert await world.patients.locate(f"ce:{number}") == foreigner
    assert await world.patients.locate(f"passport:{number}") is None
