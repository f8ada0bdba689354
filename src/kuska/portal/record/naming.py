"""Who it is whose record was opened in an emergency: a number that was typed wrongly is noticed by the name.

Read like everything else, by what the policy allows now: before the record is open nobody learns whether there is such a
person, and each look leaves its line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kuska.fhir import api
from kuska.fhir.api import Archive
from kuska.kit.clock import Clock
from kuska.kit.errors import Family, KuskaError
from kuska.portal.record.identity import identification
from kuska.security.api import Security, Visit


@dataclass(frozen=True, slots=True)
class Naming:
    security: Security
    archive: Archive | None  # None: nobody has a name
    clock: Clock

    async def called(self, visit: Visit, patients: Sequence[str]) -> dict[str, str]:
        """Name and document by id, of those whom the visitor may see at this moment."""
        if self.archive is None or not patients:
            return {}
        # What was opened a moment ago is not in the rights that the request came with.
        access = await self.security.door.access(visit.access.caller, visit.access.purpose)
        now = Visit(access, visit.trail, self.clock, visit.request)
        now.interaction = "read"
        found = {patient: await self._of(now, patient) for patient in patients}
        if now.touched:
            await now.end("R")
        return {patient: name for patient, name in found.items() if name}

    async def _of(self, visit: Visit, patient: str) -> str:
        assert self.archive is not None  # noqa: S101 - asked by `called`
        try:
            node = await api.read(await self.archive.for_visit(visit), "Patient", patient)
        except KuskaError as error:
            if error.family in (Family.UNAVAILABLE, Family.BUSY, Family.FAULT):
                raise
            return ""
        if node is None:
            return ""
        who = identification(node, (), visit.now().date())
        return " · ".join(filter(None, (who.name, *(f"{each.kind} {each.number}" for each in who.documents[:1]))))
