"""Before and after an interaction: may the caller do this at all, and what the trail is told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from kuska.fhir.domain.call import Call
from kuska.fhir.domain.outcome import issues_of, status_of
from kuska.fhir.usecases.record import Record
from kuska.fhir.usecases.table import ACTIONS, NEEDS, READING
from kuska.fhir.usecases.wanted import asked_in_bundle, conditions, wanted
from kuska.kit.errors import KuskaError
from kuska.security.api import Letter, RefusedByPolicyError, Visit


def permit(record: Record, call: Call) -> None:
    """Refuses what the caller may do with no resource of the type, before anything is read."""
    if not call.type or call.type == "*":
        return
    for letter in NEEDS[call.interaction]:
        if record.sight.allows(call.type, cast("Letter", letter)):
            return
    raise RefusedByPolicyError


async def given(record: Record, call: Call) -> None:
    """The line of what was read. What was written has its lines already; what a bundle read has one here.

    Where nothing was found, and where several were named, the line says who was asked about.
    """
    visit, sought = record.sight.visit, False
    if call.interaction == "read" and not call.query and visit.touched:  # nearly always
        await visit.end("R")
        return
    if call.interaction == "bundle":
        patients = asked_in_bundle(call)
        visit.wanted(patients)
        sought = bool(patients)
    elif call.interaction in READING and (not visit.touched or _names_several(call)):
        visit.wanted(wanted(record, call))
    if sought or call.interaction in READING or visit.touched:
        _tell(visit, call)
        await visit.end(ACTIONS.get(call.interaction, "E"))


async def refused(visit: Visit, record: Record | None, call: Call, error: Exception) -> None:
    """What was asked for and not given, and why; with what it was asked about and whose, whether that exists or not."""
    if not visit.noted:
        return
    _tell(visit, call)
    if call.id:
        visit.gave(f"{call.type}/{call.id}")
    if record is not None:
        visit.wanted(wanted(record, call))
    known = isinstance(error, KuskaError) and status_of(error) < 500
    await visit.end(ACTIONS.get(call.interaction, "E"), outcome="4" if known else "8", reason=_reason(error))


def refused_entry(record: Record, call: Call, error: KuskaError) -> None:
    """The same of one entry of a batch: the others go on."""
    visit = record.sight.visit
    if not visit.noted:
        return
    event = visit.event(ACTIONS.get(call.interaction, "E"), outcome="4", reason=_reason(error))
    entities = (f"{call.type}/{call.id}",) if call.id else ()
    query, patients = call.if_none_exist or call.query, wanted(record, call)
    visit.trail.note(replace(event, interaction=call.interaction, query=query, entities=entities, patients=patients))


def _names_several(call: Call) -> bool:
    return "," in call.query or "%2" in call.query or bool(call.form)


def _tell(visit: Visit, call: Call) -> None:
    parts = (call.query, call.form, call.if_none_exist, conditions(call) if call.interaction == "bundle" else "")
    visit.query = "&".join(part for part in parts if part)
    if call.compartment:
        visit.query = f"{call.compartment}/{call.id}/{call.type}?{visit.query}"


def _reason(error: Exception) -> str:
    if isinstance(error, RefusedByPolicyError):
        return error.reason
    if isinstance(error, KuskaError):
        return issues_of(error)[0].message
    return "interaction.fault"
