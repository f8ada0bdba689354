"""Who is in whose care: the patients that a practitioner has to do with, as the record itself says.

By an encounter, an appointment or a request they take part in, a care team or an episode of care that is theirs, or as
the patient's general practitioner; under their own name or one of their roles. What is called off counts for nothing;
encounters, appointments and requests count for `days` after their end, teams and episodes until their end.

Known for a moment, because one page asks for it many times; a change of such a resource in this process drops it at
once, one elsewhere works after `_KEPT` at most.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from kuska.fhir.domain.definitions.model import Definitions
from kuska.fhir.domain.identity import Identities
from kuska.infra.postgres.database import Database
from kuska.kit.sqlfiles import load

_SQL = load("kuska.fhir.store", "care.sql")
_KEPT = timedelta(seconds=2)
_MOST = 10_000  # practitioners remembered


@dataclass(frozen=True, slots=True)
class _Link:
    """A type of resource that brings a patient into somebody's care."""

    type: str
    who: tuple[str, ...]  # search parameters
    patient: str
    date: str
    over: tuple[str, ...]  # statuses with which it does not count
    lasting: bool = False  # counts until it ends, and not a day longer


_LINKS = (
    _Link("Encounter", ("participant",), "subject", "date", ("cancelled", "entered-in-error")),
    _Link("Appointment", ("actor",), "actor", "date", ("cancelled", "noshow", "entered-in-error")),
    _Link("ServiceRequest", ("requester", "performer"), "subject", "authored", ("revoked", "entered-in-error")),
    _Link("CareTeam", ("participant",), "subject", "date", ("inactive", "suspended", "entered-in-error"), lasting=True),
    _Link(
        "EpisodeOfCare",
        ("care-manager",),
        "patient",
        "date",
        ("finished", "cancelled", "entered-in-error"),
        lasting=True,
    ),
)
_GRANTING = frozenset({"Patient", "PractitionerRole", *(link.type for link in _LINKS)})
_NOBODY: frozenset[int] = frozenset()


class Care:
    def __init__(self, definitions: Definitions, identities: Identities, days: int) -> None:
        self._identities = identities
        self._window = timedelta(days=days)
        self._known: dict[str, tuple[datetime, frozenset[int]]] = {}
        known = definitions.search
        self._who = [known[link.type][code].key for link in _LINKS for code in link.who]
        self._patient = [known[link.type][link.patient].key for link in _LINKS]
        over = [(known[link.type]["status"].key, status) for link in _LINKS for status in link.over]
        self._status, self._over = [key for key, _ in over], [status for _, status in over]
        self._dates = [known[link.type][link.date].key for link in _LINKS]
        self._passing = [known[link.type][code].key for link in _LINKS if not link.lasting for code in link.who]
        self._doctor = known["Patient"]["general-practitioner"].key
        self._role = known["PractitionerRole"]["practitioner"].key
        self._number = definitions.type_numbers["Patient"]

    async def of(self, db: Database, practitioner: str, now: datetime) -> frozenset[int]:
        """Rids of the patients in the care of the practitioner with this id."""
        if not practitioner:
            return _NOBODY
        found = self._known.get(practitioner)
        if found is not None and found[0] <= now < found[0] + _KEPT:
            return found[1]
        patients = await self._asked(db, practitioner, now)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[practitioner] = (now, patients)
        return patients

    def written(self, types: Iterable[str]) -> None:
        """Resources of these types have changed."""
        if self._known and not _GRANTING.isdisjoint(types):
            self.forget()

    def forget(self) -> None:
        self._known.clear()

    async def _asked(self, db: Database, practitioner: str, now: datetime) -> frozenset[int]:
        own = self._identities.address("Practitioner", practitioner).rid
        async with db.read() as conn:
            roles = await conn.fetch(_SQL["roles"], own, self._role)
            names = [own, *(row[0] for row in roles)]
            rows = await conn.fetch(
                _SQL["patients"],
                names,
                self._who,
                self._patient,
                self._status,
                self._over,
                self._dates,
                self._passing,
                _micros(now - self._window),
                self._number,
                _micros(now),
                self._doctor,
            )
        return frozenset(row[0] for row in rows)


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
