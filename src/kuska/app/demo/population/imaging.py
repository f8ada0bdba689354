"""Imaging studies and their reports."""

from __future__ import annotations

from typing import Any

from kuska.app.demo.population.codes import CHEST, CT, DX, LOINC, PT, RADIOLOGY_SECTION, SNOMED, concept
from kuska.app.demo.population.facilities import RADIOLOGY
from kuska.app.demo.population.labs import order
from kuska.app.demo.population.story import Ref, Story, Visit

_IMAGING_ORDER = concept(SNOMED, "363679005", "Procedimiento de imagen")
CHEST_XRAY = concept(LOINC, "36643-5", "Radiografía de tórax, 2 proyecciones", "Radiografía de tórax")
LDCT = concept(LOINC, "79086-5", "TC de tórax de tamizaje de baja dosis sin contraste", "TC de tórax de baja dosis")
CHEST_CT = concept(LOINC, "24627-2", "TC de tórax", "TC de tórax con contraste")
PET_CT = concept(LOINC, "81555-5", "PET-CT de cuerpo entero", "PET-CT")

_SERIES = {
    id(CHEST_XRAY): ((DX, "PA", 1), (DX, "Lateral", 1)),
    id(LDCT): ((CT, "Baja dosis, 1 mm, pulmón", 300),),
    id(CHEST_CT): ((CT, "Fase venosa, 1 mm", 320), (CT, "Reconstrucción coronal", 110)),
    id(PET_CT): ((CT, "TC para corrección de atenuación", 260), (PT, "PET FDG cuerpo entero", 260)),
}


def _uid(story: Story) -> str:
    return f"2.25.{story.rng.getrandbits(126)}"


def study(story: Story, visit: Visit, kind: dict[str, Any], conclusion: str, reason: Ref | None, *, results: list[Ref] | None = None,
          conclusion_code: dict[str, Any] | None = None) -> None:  # fmt: skip
    """Order, ImagingStudy and report of one study at a visit."""
    request = order(story, visit, kind, _IMAGING_ORDER, reason)
    reader = visit.facility.with_specialty(RADIOLOGY).person.reference(story.ids)
    report: dict[str, Any] = {
        "basedOn": [request],
        "status": "final",
        "category": RADIOLOGY_SECTION,
        "code": kind,
        "subject": story.patient,
        "encounter": visit.ref,
        "effectiveDateTime": story.at(visit, 60),
        "issued": story.at(visit, 300),
        "performer": [visit.facility.organization.reference(story.ids)],
        "resultsInterpreter": [reader],
        "imagingStudy": [_images(story, visit, kind, request, reader)],
        "conclusion": conclusion,
    }
    if results:
        report["result"] = results
    if conclusion_code is not None:
        report["conclusionCode"] = [conclusion_code]
    story.add("DiagnosticReport", report)


def _images(story: Story, visit: Visit, kind: dict[str, Any], request: Ref, reader: Ref) -> Ref:
    series = _series(story, visit, kind)
    modalities = [one["modality"] for one in series]
    return story.add(
        "ImagingStudy",
        {
            "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{_uid(story)}"}],
            "status": "available",
            "modality": [m for i, m in enumerate(modalities) if m not in modalities[:i]],
            "subject": story.patient,
            "encounter": visit.ref,
            "started": story.at(visit, 60),
            "basedOn": [request],
            "referrer": story.by(visit),
            "interpreter": [reader],
            "numberOfSeries": len(series),
            "numberOfInstances": sum(one["numberOfInstances"] for one in series),
            "procedureCode": [kind],
            "location": visit.facility.location.reference(story.ids),
            "description": kind["text"],
            "series": series,
        },
    )


def _series(story: Story, visit: Visit, kind: dict[str, Any]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for at, (modality, description, instances) in enumerate(_SERIES[id(kind)], 1):
        made.append(
            {
                "uid": _uid(story),
                "number": at,
                "modality": modality,
                "description": description,
                "numberOfInstances": instances if instances == 1 else instances + story.rng.randrange(-30, 40),
                "bodySite": CHEST,
                "started": story.at(visit, 60),
            }
        )
    return made
