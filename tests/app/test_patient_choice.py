"""About whom an application may be opened: whom its person may read, and the look is in the trail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kuska.app.patients import RecordPatients
from kuska.countries.pe.identifiers import DNI, dni_checks
from kuska.fhir import api
from kuska.fhir.api import open_record
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SetClock
from kuska.kit.errors import UnavailableError
from kuska.security.api import Caller, Event, Unnoted, visit_off
from kuska.security.domain.policy import Facts, Granted, Place, decide
from kuska.security.domain.roles import shipped

pytestmark = pytest.mark.requirement("HC-04")
_CLOCK = SetClock(datetime(2026, 11, 21, tzinfo=UTC))


class _Lines(Unnoted):
    quiet = False

    def __init__(self) -> None:
        self.events: list[Event] = []

    def note(self, event: Event) -> None:
        self.events.append(event)

    async def keep(self, event: Event) -> None:
        self.events.append(event)


class _Door:
    async def access(self, caller: Caller, purpose: str = "") -> Granted:
        facts, place = Facts(patient=caller.patient), Place("demo", "PE")
        return Granted(caller, decide(caller, purpose, shipped(), facts, place=place, now=_CLOCK.now()))


def _caller(role: str, **given: Any) -> Caller:
    return Caller(
        kind="person", account=role, roles=(role,), tenant="demo", country="PE", methods=("pwd", "otp"), **given
    )


async def test_whom_one_may_read_one_may_choose(db: Database) -> None:
    record, lines = await open_record(db), _Lines()
    patient = (await api.create(await record.for_visit(visit_off()), {"resourceType": "Patient"})).id
    patients = RecordPatients(_CLOCK)
    assert not await patients.may_choose(_caller("admissions"), patient)  # nobody to ask yet
    patients.served_by(record, lines, _Door())  # type: ignore[arg-type]
    assert await patients.may_choose(_caller("admissions"), patient)
    assert (lines.events[-1].outcome, lines.events[-1].entities) == ("0", (f"Patient/{patient}",))
    assert await patients.may_choose(_caller("patient", patient=patient), patient)
    for caller, whom in (
        (_caller("physician", practitioner="nobodys-doctor"), patient),
        (_caller("patient", patient="another"), patient),
        (_caller("auditor"), patient),
        (_caller("admissions"), "nobody"),
    ):
        assert not await patients.may_choose(caller, whom), caller.account
        assert (lines.events[-1].outcome, lines.events[-1].reason) == ("4", "security.not-theirs")


async def test_when_the_record_is_away_it_is_no_no(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    patients = RecordPatients(_CLOCK)
    patients.served_by(await open_record(db), _Lines(), _Door())  # type: ignore[arg-type]

    def away(*_: Any) -> Any:
        raise UnavailableError

    monkeypatch.setattr(Database, "read", away)
    with pytest.raises(UnavailableError):
        await patients.may_choose(_caller("admissions"), "x")


async def test_a_document_names_exactly_one_patient(fresh_db: Database) -> None:
    record, lines = await open_record(fresh_db), _Lines()
    patients = RecordPatients(_CLOCK)
    assert await patients.chosen("17801147-9") is None  # nobody to ask yet
    visit = await record.for_visit(visit_off())

    async def born(system: str, value: str) -> str:
        identifier = [{"system": system, "value": value}]
        return (await api.create(visit, {"resourceType": "Patient", "identifier": identifier})).id

    dni, number = DNI.system, "17801147"
    digit = dni_checks(number)[0]
    one = await born(dni, number)
    patients.served_by(record, lines, _Door())  # type: ignore[arg-type]
    for text in (number, f"{number}-{digit}", f" {number} {digit} ", one):
        assert await patients.chosen(text) == await patients.locate(text) == one, text
    assert {event.caller.account for event in lines.events} == {"system:choosing", "system:emergency"}
    wrong = next(other for other in "0123456789" if other not in dni_checks(number))
    for text in ("", f"{number}-{wrong}", "17801148", "x' or 'a'='a", "nobody"):
        assert await patients.chosen(text) is None, text
    await born(dni, number)  # twice in the record: whoever it is has to be named by id
    assert await patients.chosen(number) is None
    assert await patients.chosen(one) == one
