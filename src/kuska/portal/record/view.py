"""How the summary comes to be: find the patient, read, arrange. The record gives out only what its visit may see."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from kuska.countries.registry import packs
from kuska.fhir.api import Record
from kuska.kit.json import Node
from kuska.portal.record import history
from kuska.portal.record.identity import identification
from kuska.portal.record.lung import lung
from kuska.portal.record.page import Summary
from kuska.portal.record.reading import Chart, chart, locate
from kuska.portal.record.results import results


async def summary(record: Record, text: str, now: datetime) -> Summary:
    patient = await locate(record, text)
    return arrange(await chart(record, patient), now)


def arrange(found: Chart, now: datetime) -> Summary:
    """Pure: the same chart at the same moment gives the same page."""
    of = found.by_type
    today = _today(found.patient, now)
    return Summary(
        identification=identification(found.patient, of.get("Coverage", ()), today),
        allergies=history.allergies(of.get("AllergyIntolerance", ())),
        problems=history.problems(of.get("Condition", ())),
        medication=history.medication([*of.get("MedicationRequest", ()), *of.get("MedicationStatement", ())]),
        results=results(of.get("Observation", ())),
        visits=history.visits(of.get("Encounter", ())),
        studies=history.studies(of.get("ImagingStudy", ())),
        reports=history.reports(of.get("DiagnosticReport", ())),
        lung=lung(of, today),
        complete=found.complete,
        read_at=now.isoformat(timespec="seconds"),
    )


def _today(patient: Node, now: datetime) -> date:
    """The day where the patient lives (by the country of the document), for ages and due dates."""
    systems = {item.get("system") for item in patient.get("identifier", ())}
    for country in packs():
        if any(systems.intersection(scheme.systems) for scheme in country.documents):
            return now.astimezone(ZoneInfo(country.zone)).date()
    return now.date()
