"""Finds the patient of a document in the record, for security: who registers has to be somebody the hospital knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from kuska.fhir import api
from kuska.fhir.api import Archive
from kuska.kit.clock import Clock
from kuska.kit.errors import Family, KuskaError
from kuska.kit.json import Node
from kuska.portal.record import reading
from kuska.security.api import Caller, Door, Trail, Visit, visit_system
from kuska.security.contracts import PatientMatch


class RecordPatients:
    """`contracts.PatientFinder`. Security opens before the record does: until `served_by` there is nobody."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._archive: Archive | None = None
        self._trail: Trail | None = None
        self._door: Door | None = None

    def served_by(self, archive: Archive, trail: Trail, door: Door | None = None) -> None:
        self._archive, self._trail, self._door = archive, trail, door

    async def find(self, systems: Sequence[str], value: str, birth_date: date) -> PatientMatch | None:
        if self._archive is None or self._trail is None:
            return None
        visit = visit_system("registration", self._trail, self._clock)
        visit.interaction = "search-type"
        record = await self._archive.for_visit(visit)
        wanted = ",".join(f"{system}|{value}" for system in systems)
        asked = [("identifier", wanted), ("birthdate", birth_date.isoformat()), ("_count", "2")]
        found = (await api.search(record, "Patient", asked)).matches
        await visit.end("E")
        if len(found) != 1 or found[0].get("active") is False or _is_dead(found[0]):
            return None
        patient = found[0]
        return PatientMatch(str(patient["id"]), _name(patient), tuple(_emails(patient)))

    async def may_choose(self, caller: Caller, patient: str) -> bool:
        """Whether an application may be about this patient for this person: who reads the patient may."""
        if self._archive is None or self._trail is None or self._door is None:
            return False
        visit = Visit(await self._door.access(caller), self._trail, self._clock)
        visit.interaction = "read"
        try:
            record = await self._archive.for_visit(visit)
            found = await api.read(record, "Patient", patient) is not None
        except KuskaError as error:
            if error.family in (Family.UNAVAILABLE, Family.BUSY, Family.FAULT):
                raise
            found = False
        if found:
            await visit.end("R")
        else:
            await visit.end("R", outcome="4", reason="security.not-theirs")
        return found

    async def locate(self, text: str) -> str | None:
        """`contracts.PatientLocator`: in an emergency."""
        return await self._located(text, "emergency")

    async def chosen(self, text: str) -> str | None:
        """The same for who opens an application; whether they may is `may_choose`'s."""
        return await self._located(text, "choosing")

    async def practises(self, id_: str) -> bool:
        """`contracts.StaffFinder`."""
        if self._archive is None or self._trail is None:
            return False
        visit = visit_system("staff", self._trail, self._clock)
        visit.interaction = "read"
        record = await self._archive.for_visit(visit)
        try:
            return await api.read(record, "Practitioner", id_) is not None
        except KuskaError as error:
            if error.family in (Family.UNAVAILABLE, Family.BUSY, Family.FAULT):
                raise
            return False
        finally:
            await visit.end("E")

    async def _located(self, text: str, work: str) -> str | None:
        if self._archive is None or self._trail is None:
            return None
        visit = visit_system(work, self._trail, self._clock)
        visit.interaction = "search-type"
        record = await self._archive.for_visit(visit)
        try:
            patient = await api.read(record, "Patient", await reading.locate(record, text.strip()))
            return None if patient is None else str(patient["id"])
        except KuskaError as error:
            if error.family in (Family.UNAVAILABLE, Family.BUSY, Family.FAULT):
                raise
            return None
        finally:
            await visit.end("E")


def _is_dead(patient: Node) -> bool:
    return bool(patient.get("deceasedBoolean") or patient.get("deceasedDateTime"))


def _name(patient: Node) -> str:
    for name in patient.get("name", ()):
        if text := name.get("text") or " ".join([*name.get("given", ()), name.get("family", "")]).strip():
            return str(text)
    return ""


def _emails(patient: Node) -> Iterator[str]:
    contacts: Any = patient.get("telecom", ())
    for contact in contacts:
        if contact.get("system") == "email" and contact.get("use") != "old" and contact.get("value"):
            yield str(contact["value"])
