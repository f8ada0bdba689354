"""What happened to one person, as resources: the collector that every theme writes into."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from kuska.app.demo.population.calendar import instant
from kuska.app.demo.population.codes import AMBULATORY
from kuska.app.demo.population.facilities import Clinician, Facility, Network
from kuska.app.demo.population.links import Ids, local
from kuska.app.demo.population.person import Person

Ref = dict[str, Any]


@dataclass(slots=True)
class Visit:
    """One encounter. Resources made during it take its time, place and people."""

    day: int
    minute: int
    facility: Facility
    clinician: Clinician
    ref: Ref


class Story:
    """Collects the resources of one life in the order they happened to be written."""

    __slots__ = ("home", "hospital", "ids", "level", "network", "nodes", "patient", "person", "rng", "today", "zone")

    def __init__(self, person: Person, network: Network, rng: Random, today: int, ids: Ids) -> None:
        self.person = person
        self.network = network
        self.rng = rng
        self.today = today
        self.ids = ids
        self.zone = person.place.zone
        self.nodes: list[tuple[str, dict[str, Any]]] = []
        # Where each laboratory value of this person stands (labs.py).
        self.level: dict[str, Any] = {}
        self.patient: Ref = {}
        # Where this person goes: the centre of the neighbourhood and the region's hospital.
        self.home = network.near(person.place, network.centres, person.number)
        self.hospital = network.near(person.place, network.hospitals, person.number)

    def new_id(self) -> str:
        bits = self.rng.getrandbits(128) & ~(0xF000 << 64) & ~(0xC000 << 48) | (0x4000 << 64) | (0x8000 << 48)
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def add(self, type_: str, body: dict[str, Any], uuid: str | None = None) -> Ref:
        """Take in a resource (without type and id); the answer is a reference to it."""
        uuid = uuid or self.new_id()
        if self.ids is Ids.CLIENT:
            self.nodes.append((uuid, {"resourceType": type_, "id": uuid, **body}))
        else:
            self.nodes.append((uuid, {"resourceType": type_, **body}))
        return {"reference": local(self.ids, type_, uuid)}

    def at(self, visit: Visit, later: int = 0) -> str:
        return instant(visit.day, visit.minute + later, self.zone)

    def by(self, visit: Visit) -> Ref:
        return visit.clinician.person.reference(self.ids)

    def visit(
        self,
        day: int,
        facility: Facility,
        specialty: int,
        reason: dict[str, Any],
        *,
        kind: dict[str, Any] = AMBULATORY,
        nights: int = 0,
    ) -> Visit:
        """Open an encounter and take it in at once; `reason` is a CodeableConcept."""
        minute = 7 * 60 + 15 * self.rng.randrange(40)
        clinician = facility.with_specialty(specialty)
        end_day, end_minute = (day + nights, 11 * 60) if nights else (day, minute + 20 + 5 * self.rng.randrange(8))
        body: dict[str, Any] = {
            "status": "finished",
            "class": kind,
            "type": [{"text": _kind_text(kind, nights)}],
            "subject": self.patient,
            "participant": [{"individual": clinician.person.reference(self.ids)}],
            "period": {"start": instant(day, minute, self.zone), "end": instant(end_day, end_minute, self.zone)},
            "reasonCode": [reason],
            "location": [{"location": facility.location.reference(self.ids), "status": "completed"}],
            "serviceProvider": facility.organization.reference(self.ids),
        }
        return Visit(day, minute, facility, clinician, self.add("Encounter", body))


def _kind_text(kind: dict[str, Any], nights: int) -> str:
    if nights:
        return "Hospitalización"
    return {"EMER": "Atención de emergencia", "VR": "Teleconsulta"}.get(kind["code"], "Consulta ambulatoria")
